//! Sound: cached speech for `<Play>`, and recordings, whole or in ranges.

use std::path::Path;

use axum::body::{Body, Bytes};
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, SeekFrom};

use super::Problem;
use crate::session::Switchboard;

/// `GET /audio/{file}`: a sound of the speech cache. Its name is made of a hash of all that changes it, so it never changes.
pub(super) async fn file(
    State(switchboard): State<Switchboard>,
    UrlPath(name): UrlPath<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let sound = switchboard.speech_cache().open_file(&name).await;
    let sound = sound.ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no such sound"))?;
    let tag = HeaderValue::from_str(&format!("\"{name}\"")).ok();
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| tag.as_ref() == Some(known));
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { sound.bytes.into_response() };
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(sound.content_type));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400, immutable"));
    answer.extend(tag.map(|tag| (header::ETAG, tag)));
    Ok(response)
}

/// Sends a file as it is read, from an offset if one range of bytes is asked for.
pub(super) async fn send(
    path: &Path,
    media_type: &'static str,
    caching: &'static str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let none = || Problem::new(StatusCode::NOT_FOUND, "no such recording");
    let mut file = File::open(path).await.map_err(|_| none())?;
    let about = file.metadata().await.map_err(|_| none())?;
    if !about.is_file() {
        return Err(none());
    }
    let size = about.len();
    let range = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).and_then(|text| range(text, size));
    let (status, first, length) = match range {
        None => (StatusCode::OK, 0, size),
        Some(Ok((first, last))) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        Some(Err(())) => {
            let mut refusal =
                Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "the range lies outside the file").into_response();
            insert(refusal.headers_mut(), header::CONTENT_RANGE, &format!("bytes */{size}"));
            return Ok(refusal);
        }
    };
    if first > 0 {
        file.seek(SeekFrom::Start(first)).await.map_err(|_| none())?;
    }
    let mut response = (status, Body::from_stream(chunks(file, length))).into_response();
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    insert(answer, header::CONTENT_LENGTH, &length.to_string());
    if status == StatusCode::PARTIAL_CONTENT {
        insert(answer, header::CONTENT_RANGE, &format!("bytes {first}-{}/{size}", first + length - 1));
    }
    Ok(response)
}

/// The first and last byte of a single range; `None` for what is answered whole, an error for what lies outside.
fn range(text: &str, size: u64) -> Option<Result<(u64, u64), ()>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    if last.contains(',') {
        return None;
    }
    let (first, last) = match (first.trim(), last.trim()) {
        ("", "") => return None,
        ("", count) => match count.parse::<u64>().ok()? {
            0 => return Some(Err(())),
            count => (size.saturating_sub(count), size.checked_sub(1)?),
        },
        (first, "") => (first.parse().ok()?, size.saturating_sub(1)),
        (first, last) => (first.parse().ok()?, last.parse::<u64>().ok()?.min(size.saturating_sub(1))),
    };
    Some(if first < size && first <= last { Ok((first, last)) } else { Err(()) })
}

fn chunks(file: File, length: u64) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::try_unfold((file.take(length), vec![0; CHUNK_BYTES]), async |(mut file, mut buffer)| {
        let read = file.read(&mut buffer).await?;
        Ok((read > 0).then(|| (Bytes::copy_from_slice(&buffer[..read]), (file, buffer))))
    })
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

const CHUNK_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rule_says() {
        assert_eq!(range("bytes=0-3", 10), Some(Ok((0, 3))));
        assert_eq!(range("bytes=4-", 10), Some(Ok((4, 9))));
        assert_eq!(range("bytes=-4", 10), Some(Ok((6, 9))));
        assert_eq!(range("bytes=-99", 10), Some(Ok((0, 9))));
        assert_eq!(range("bytes=5-99", 10), Some(Ok((5, 9))));
        assert_eq!(range("bytes=10-", 10), Some(Err(())));
        assert_eq!(range("bytes=3-2", 10), Some(Err(())));
        assert_eq!(range("bytes=0-", 0), Some(Err(())));
        for whole in ["bytes=0-1,3-4", "bits=0-1", "bytes=a-b", "bytes=-"] {
            assert_eq!(range(whole, 10), None, "{whole}");
        }
    }
}
