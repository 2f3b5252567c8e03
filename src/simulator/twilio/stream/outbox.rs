//! What the simulator sends on a media socket. A thousand calls send fifty messages a second each, so on a plain connection a message
//! is framed in a buffer that is kept and written at once by whoever has it; over TLS the call's own task sends it.
//!
//! [`Outbox`] takes whole texts in order; [`Outlet`] is the connection's write side, shared with the WebSocket that reads.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Where a stream's messages go.
pub(super) enum Outbox {
    /// Framed and written here and now.
    Direct { outlet: Arc<Outlet>, mask: Mask },
    /// Left for the call's task, which is woken.
    Queued { texts: VecDeque<String>, wake: Arc<Notify> },
    /// The stream is over.
    Closed,
}

/// A connection that is written by more than one, each message whole. What the far side does not take yet waits here.
pub(super) struct Outlet {
    tcp: TcpStream,
    unsent: Mutex<Unsent>,
}

#[derive(Default)]
struct Unsent {
    bytes: Vec<u8>,
    since: Option<Instant>,
}

/// The connection as the WebSocket reads it; its own few messages (pong, close) go through the [`Outlet`] as well.
pub(super) struct Carrier(pub(super) Arc<Outlet>);

/// Masking keys, unpredictable from outside, as RFC 6455 wants them; not for secrets.
pub(super) struct Mask(u64);

impl Outbox {
    pub(super) fn new(outlet: Option<Arc<Outlet>>, wake: Arc<Notify>) -> Self {
        match outlet {
            Some(outlet) => Self::Direct { outlet, mask: Mask(rand::random::<u64>() | 1) },
            None => Self::Queued { texts: VecDeque::new(), wake },
        }
    }

    /// Sends a text message; `TimedOut` where the far side has not read for [`SEND_LIMIT`].
    pub(super) fn send(&mut self, text: &str) -> io::Result<()> {
        match self {
            Self::Direct { outlet, mask } => {
                let mut frame = FRAME.take();
                write_frame(&mut frame, mask.next(), text.as_bytes());
                let written = outlet.write(&frame);
                FRAME.set(frame);
                written
            }
            Self::Queued { texts, wake } => {
                if texts.len() >= QUEUE_LIMIT {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                texts.push_back(text.to_owned());
                wake.notify_one();
                Ok(())
            }
            Self::Closed => Ok(()),
        }
    }

    /// What the call's task is to send.
    pub(super) fn queued(&mut self) -> VecDeque<String> {
        match self {
            Self::Queued { texts, .. } => std::mem::take(texts),
            Self::Direct { .. } | Self::Closed => VecDeque::new(),
        }
    }
}

impl Outlet {
    pub(super) fn new(tcp: TcpStream) -> Self {
        Self { tcp, unsent: Mutex::default() }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut unsent = self.unsent.lock().unwrap_or_else(PoisonError::into_inner);
        self.flush(&mut unsent)?;
        let written = if unsent.bytes.is_empty() { self.try_write(bytes)? } else { 0 };
        if written < bytes.len() {
            let since = *unsent.since.get_or_insert_with(Instant::now);
            if since.elapsed() > SEND_LIMIT || unsent.bytes.len() > UNSENT_LIMIT {
                return Err(io::ErrorKind::TimedOut.into());
            }
            unsent.bytes.extend_from_slice(&bytes[written..]);
        }
        Ok(())
    }

    fn flush(&self, unsent: &mut Unsent) -> io::Result<()> {
        if !unsent.bytes.is_empty() {
            let written = self.try_write(&unsent.bytes)?;
            unsent.bytes.drain(..written);
        }
        if unsent.bytes.is_empty() {
            unsent.since = None;
        }
        Ok(())
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.tcp.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
    }
}

impl AsyncRead for Carrier {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.tcp.poll_read_ready(cx))?;
            match self.0.tcp.try_read_buf(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return Poll::Ready(read.map(|_| ())),
            }
        }
    }
}

impl AsyncWrite for Carrier {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.write(buf).map(|()| buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            {
                let mut unsent = self.0.unsent.lock().unwrap_or_else(PoisonError::into_inner);
                self.0.flush(&mut unsent)?;
                if unsent.bytes.is_empty() {
                    return Poll::Ready(Ok(()));
                }
            }
            ready!(self.0.tcp.poll_write_ready(cx))?;
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The connection is closed when the last owner drops it.
        self.poll_flush(cx)
    }
}

impl Mask {
    fn next(&mut self) -> [u8; 4] {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 16) as u32).to_le_bytes()
    }
}

thread_local! {
    /// The frame being written: the room of all streams.
    static FRAME: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// How long the far side may leave messages unread.
pub(super) const SEND_LIMIT: Duration = Duration::from_secs(5);
/// Far more than a call says in that time.
const UNSENT_LIMIT: usize = 1 << 20;
const QUEUE_LIMIT: usize = 1_000;

/// One masked text frame (RFC 6455, 5.2), in place of what the buffer held.
fn write_frame(frame: &mut Vec<u8>, mask: [u8; 4], payload: &[u8]) {
    frame.clear();
    frame.push(0x81);
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length @ 126..=0xFFFF => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    let start = frame.len();
    frame.extend_from_slice(payload);
    let (words, rest) = frame[start..].as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(mask) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;
    use tokio::net::TcpListener;
    use tokio_tungstenite::WebSocketStream;
    use tokio_tungstenite::tungstenite::protocol::Role;

    async fn pair() -> (Arc<Outlet>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tcp = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Arc::new(Outlet::new(tcp)), listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn texts_of_every_length_arrive_as_they_were_even_when_the_far_side_reads_late() {
        let (outlet, far) = pair().await;
        let mut outbox = Outbox::new(Some(outlet.clone()), Arc::new(Notify::new()));
        let texts: Vec<String> =
            [0, 1, 5, 125, 126, 127, 65_535, 65_536, 900_000].iter().map(|&length| "é".repeat(length / 2)).collect();
        for text in &texts {
            outbox.send(text).unwrap();
        }
        let flushed = tokio::spawn(async move {
            std::future::poll_fn(|cx| Pin::new(&mut Carrier(outlet.clone())).poll_flush(cx)).await
        });
        let mut far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
        for text in &texts {
            assert!(far.next().await.unwrap().unwrap().into_text().unwrap().as_str() == text);
        }
        flushed.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_far_side_that_does_not_read_is_given_up() {
        let (outlet, _far) = pair().await;
        let mut outbox = Outbox::new(Some(outlet), Arc::new(Notify::new()));
        let text = "x".repeat(100_000);
        let refused = (0..1_000).find_map(|_| outbox.send(&text).err());
        assert_eq!(refused.map(|error| error.kind()), Some(io::ErrorKind::TimedOut));
    }
}
