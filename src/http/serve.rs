//! The sockets under the routes: accepting, TLS where it is ours, limits on slow and greedy clients, and a graceful end.
//!
//! Our own loop instead of `axum::serve`, which sets no limit on the time and size of a request's head. Upgraded sockets leave this
//! module when they are upgraded; the session layer tracks those. Key function: [`serve()`].

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::tls::Tls;
use super::{App, router};
use crate::telemetry::TLS_FAILURES;

/// Answers requests in plain HTTP until `shutdown`, then finishes those under way for a few seconds at most.
///
/// # Errors
/// None at present: a connection that cannot be accepted is logged, and the next one is waited for.
pub async fn serve(listener: TcpListener, app: App, shutdown: CancellationToken) -> io::Result<()> {
    serve_over(listener, app, None, shutdown).await
}

/// The same, over TLS where there is a certificate. Then nothing is answered in plain HTTP.
///
/// # Errors
/// As [`serve()`].
pub async fn serve_over(
    listener: TcpListener,
    app: App,
    tls: Option<Tls>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let router = router(app);
    let greetings = Arc::new(Semaphore::new(MAX_HANDSHAKES));
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Some(accepted) = shutdown.run_until_cancelled(accept(&listener, &places)).await {
        match accepted {
            Ok((stream, peer, place)) => {
                let (router, shutdown) = (router.clone(), shutdown.clone());
                let config = tls.as_ref().map(Tls::in_force);
                let greetings = Arc::clone(&greetings);
                connections.spawn(async move {
                    match config {
                        None => connection(stream, peer, router, shutdown).await,
                        Some(config) => {
                            let greeted = shutdown.run_until_cancelled(greet(config, stream, &greetings)).await;
                            match greeted {
                                Some(Ok(stream)) => connection(stream, peer, router, shutdown).await,
                                Some(Err(reason)) => {
                                    tracing::debug!(%peer, reason, "TLS was not agreed on");
                                    metrics::counter!(TLS_FAILURES, "reason" => reason).increment(1);
                                }
                                None => {}
                            }
                        }
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Out of file descriptors, or the peer is gone: waiting lets others finish.
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(GRACE, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections cut at shutdown");
    }
    Ok(())
}

/// Told to every request, so that endless answers can end when the server does.
#[derive(Clone)]
pub(super) struct Closing(pub(super) CancellationToken);

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    // 20 ms frames must not wait for each other.
    stream.set_nodelay(true)?;
    Ok((stream, peer, place))
}

/// Agrees on TLS, in bounded time, so many at once: a handshake costs more than most requests. Who has said nothing yet costs nothing
/// and takes nobody's place; who begins and then falls silent loses his place soon.
async fn greet<S>(config: Arc<ServerConfig>, stream: S, places: &Semaphore) -> Result<TlsStream<S>, &'static str>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let greeting = async {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await.map_err(|_| "refused")?;
        let _place = places.acquire().await.map_err(|_| "closed")?;
        let agreed = tokio::time::timeout(AGREED, hello.into_stream(config)).await;
        agreed.map_err(|_| "late")?.map_err(|_| "refused")
    };
    tokio::time::timeout(HANDSHAKE, greeting).await.unwrap_or(Err("late"))
}

async fn connection<S>(stream: S, peer: SocketAddr, router: Router, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let spoke = Arc::new(AtomicBool::new(false));
    let service = {
        let (spoke, shutdown) = (Arc::clone(&spoke), shutdown.clone());
        hyper::service::service_fn(move |mut request: Request<Incoming>| {
            spoke.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(Closing(shutdown.clone()));
            router.clone().oneshot(request)
        })
    };
    let mut served = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(MAX_HEAD_BYTES)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let mut first_head = pin!(tokio::time::sleep(FIRST_HEAD));
    let mut waiting = true;
    loop {
        tokio::select! {
            result = served.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%peer, %error, "connection ended");
                }
                return;
            }
            () = &mut first_head, if waiting => {
                if !spoke.load(Ordering::Relaxed) {
                    tracing::debug!(%peer, "connection sent no request");
                    return;
                }
                waiting = false;
            }
            () = shutdown.cancelled(), if !shutdown.is_cancelled() => served.as_mut().graceful_shutdown(),
        }
    }
}

/// Sockets at a time; more wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 16_384;
/// TLS handshakes at a time; more wait, within [`HANDSHAKE`].
const MAX_HANDSHAKES: usize = 256;
/// How long TLS may take to be agreed on, a wait for a place included.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long it may take of that once the client has said hello and has a place: two ways there and back.
const AGREED: Duration = Duration::from_secs(3);
/// A request's line and headers together. Twilio's longest are below 4 KiB.
const MAX_HEAD_BYTES: usize = 32 * 1024;
const MAX_HEADERS: usize = 100;
/// How long a new connection may take to send its first request's head.
const FIRST_HEAD: Duration = Duration::from_secs(10);
/// How long a connection may wait for the next head. Longer than proxies keep idle connections (60 s is usual): were it shorter,
/// a proxy could send a webhook into a connection that we are closing.
const IDLE: Duration = Duration::from_secs(75);
/// How long requests under way may go on after shutdown.
const GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio_rustls::TlsConnector;

    use super::*;

    fn certificate() -> (Tls, TlsConnector) {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
        let (certificates, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        std::fs::write(&certificates, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client =
            rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        (Tls::read(crate::http::TlsFiles { certificates, key }).unwrap(), TlsConnector::from(Arc::new(client)))
    }

    fn name() -> rustls::pki_types::ServerName<'static> {
        NAME.try_into().unwrap()
    }

    const NAME: &str = "a.example.in";

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_agree_on_tls_is_let_go() {
        let (tls, client) = certificate();
        let (_silent, stream) = tokio::io::duplex(16_384);
        assert_eq!(greet(tls.in_force(), stream, &Semaphore::new(1)).await.err(), Some("late"));
        // Nor does one that speaks wait longer where there is no place.
        let (other, stream) = tokio::io::duplex(16_384);
        let connecting = tokio::spawn(async move { client.connect(name(), other).await.is_ok() });
        assert_eq!(greet(tls.in_force(), stream, &Semaphore::new(0)).await.err(), Some("late"));
        assert!(!connecting.await.unwrap());
        let (mut wrong, stream) = tokio::io::duplex(16_384);
        wrong.write_all(b"GET /healthz HTTP/1.1\r\n\r\n").await.unwrap();
        assert_eq!(greet(tls.in_force(), stream, &Semaphore::new(1)).await.err(), Some("refused"));
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_takes_nobodys_place() {
        let (tls, client) = certificate();
        let place = Arc::new(Semaphore::new(1));
        let silent: Vec<_> = (0..300)
            .map(|_| {
                let (end, stream) = tokio::io::duplex(16_384);
                let (config, place) = (tls.in_force(), Arc::clone(&place));
                (end, tokio::spawn(async move { greet(config, stream, &place).await.err() }))
            })
            .collect();
        tokio::task::yield_now().await;
        let began = tokio::time::Instant::now();
        let (far, stream) = tokio::io::duplex(16_384);
        let (greeted, connected) = tokio::join!(greet(tls.in_force(), stream, &place), client.connect(name(), far));
        assert!(greeted.is_ok() && connected.is_ok());
        // On the paused clock: nobody was waited for.
        assert_eq!(began.elapsed(), Duration::ZERO);
        drop(silent);
    }

    #[tokio::test(start_paused = true)]
    async fn who_begins_and_falls_silent_loses_his_place_before_others_are_late() {
        let (tls, client) = certificate();
        let place = Arc::new(Semaphore::new(1));
        let (far, stream) = tokio::io::duplex(16_384);
        let (config, only) = (tls.in_force(), Arc::clone(&place));
        let stuck = tokio::spawn(async move { greet(config, stream, &only).await.err() });
        // Its hello goes out, and no more.
        let mut connecting = Box::pin(client.connect(name(), far));
        assert!(futures_util::poll!(&mut connecting).is_pending());
        while place.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let (far, stream) = tokio::io::duplex(16_384);
        let (greeted, connected) = tokio::join!(greet(tls.in_force(), stream, &place), client.connect(name(), far));
        assert!(greeted.is_ok() && connected.is_ok());
        assert_eq!(stuck.await.unwrap(), Some("late"));
    }
}
