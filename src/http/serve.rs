//! The sockets under the routes: accepting, limits on slow and greedy clients, and a graceful end.
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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::{App, router};

/// Answers requests until `shutdown`, then finishes those under way for a few seconds at most.
///
/// # Errors
/// None at present: a connection that cannot be accepted is logged, and the next one is waited for.
pub async fn serve(listener: TcpListener, app: App, shutdown: CancellationToken) -> io::Result<()> {
    let router = router(app);
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    while let Some(accepted) = shutdown.run_until_cancelled(accept(&listener, &places)).await {
        match accepted {
            Ok((stream, peer, place)) => {
                let (router, shutdown) = (router.clone(), shutdown.clone());
                connections.spawn(async move {
                    connection(stream, peer, router, shutdown).await;
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

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, shutdown: CancellationToken) {
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
