//! Carries Twilio's requests to the server under test: signed, to the public URL or to where it really is.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::FarEndConfig;
use crate::twilio::signature::compute;

/// Sends requests as Twilio does.
pub(super) struct Courier {
    client: reqwest::Client,
    token: String,
    connect_to: Option<SocketAddr>,
}

/// What came back.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// 0 where nothing came back; then `body` says why.
    pub(super) status: u16,
    pub(super) content_type: String,
    pub(super) body: Vec<u8>,
    pub(super) took: Duration,
}

impl Courier {
    pub(super) fn new(config: &FarEndConfig) -> std::io::Result<Self> {
        // An error says that the process has chosen its provider already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_secs(15))
            .user_agent("TwilioProxy/1.1")
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self { client, token: config.auth_token.clone(), connect_to: config.connect_to })
    }

    /// Sends a request; a connection that cannot be made is tried twice, as Twilio does.
    pub(super) async fn send(&self, method: &str, url: &str, params: &[(String, String)], idempotency: &str) -> Answer {
        let began = Instant::now();
        let url = url.split_once('#').map_or(url, |(before, _)| before);
        let get = method.eq_ignore_ascii_case("GET");
        let mut signed_url = url.to_owned();
        if get && !params.is_empty() {
            let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
            signed_url = format!("{url}{}{query}", if url.contains('?') { '&' } else { '?' });
        }
        let signature = compute(self.token.as_bytes(), &signed_url, if get { &[] } else { params });
        let mut answer = Answer { status: 0, content_type: String::new(), body: Vec::new(), took: Duration::ZERO };
        for _ in 0..2 {
            let mut request = if get {
                self.client.get(self.reach(&signed_url))
            } else {
                self.client.post(self.reach(&signed_url)).form(params)
            };
            if let (Some(_), Some(host)) = (self.connect_to, authority(&signed_url)) {
                request = request.header("host", host);
            }
            request =
                request.header("x-twilio-signature", &signature).header("i-twilio-idempotency-token", idempotency);
            match request.send().await {
                Ok(response) => {
                    answer.status = response.status().as_u16();
                    let content_type = response.headers().get("content-type").and_then(|value| value.to_str().ok());
                    answer.content_type = content_type.unwrap_or("").to_owned();
                    match body(response).await {
                        Ok(body) => answer.body = body,
                        Err(error) => {
                            answer.status = 0;
                            answer.body = error.to_string().into_bytes();
                        }
                    }
                    break;
                }
                Err(error) => {
                    answer.body = error.to_string().into_bytes();
                    if !error.is_connect() {
                        break;
                    }
                }
            }
        }
        answer.took = began.elapsed();
        answer
    }

    /// The signature of a socket's upgrade.
    pub(super) fn sign_upgrade(&self, url: &str) -> String {
        compute(self.token.as_bytes(), url, &[])
    }

    pub(super) fn connect_to(&self) -> Option<SocketAddr> {
        self.connect_to
    }

    /// The URL at which the server is really reached.
    fn reach(&self, url: &str) -> String {
        match (self.connect_to, target(url)) {
            (Some(addr), Some(target)) => format!("http://{addr}{target}"),
            (Some(_), None) | (None, _) => url.to_owned(),
        }
    }
}

/// `host[:port]` of a URL.
pub(super) fn authority(url: &str) -> Option<&str> {
    let rest = url.split_once("://")?.1;
    Some(rest.split(['/', '?', '#']).next().unwrap_or(rest)).filter(|host| !host.is_empty())
}

/// Path and query of a URL, as written.
fn target(url: &str) -> Option<String> {
    let rest = url.split_once("://")?.1;
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let target = &rest[at..];
    Some(if target.starts_with('/') { target.to_owned() } else { format!("/{target}") })
}

const BODY_LIMIT: usize = 16 * 1024 * 1024;

async fn body(mut response: reqwest::Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut out = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = BODY_LIMIT.saturating_sub(out.len());
        out.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if out.len() >= BODY_LIMIT {
            break;
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_is_kept_as_written() {
        assert_eq!(target("https://h:1/a?b=%2B&c").as_deref(), Some("/a?b=%2B&c"));
        assert_eq!(target("https://h?x").as_deref(), Some("/?x"));
        assert_eq!(target("https://h").as_deref(), Some("/"));
        assert_eq!(authority("https://h:8443/a"), Some("h:8443"));
    }
}
