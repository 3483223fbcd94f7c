//! One connection, from its handshake to its end: HTTP/1.1 or HTTP/2, by TLS or not. It ends when its client keeps it
//! waiting for too long, has gone, or is told to come back by another because the service stops.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::ConnectionConfig;
use super::answer::Answer;
use super::line::{Line, Socket};
use super::pulse::{HEAD, Pulse};
use crate::certificate::Certificate;
use crate::shutdown::Stage;

/// Most bytes of a request's head, and of answers that wait to be sent. A head beyond it is answered by 431.
const BUFFER: usize = 64 << 10;

/// Most requests at once by a connection of HTTP/2 (RFC 9113 advises against less).
const STREAMS: u32 = 100;

/// How often a client by HTTP/2 is asked whether it is still there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(20);

type Ended = Result<(), Box<dyn Error + Send + Sync>>;

/// What a listener's connections have in common.
#[derive(Clone)]
pub(super) struct Connections {
    router: TowerToHyperService<Router>,
    certificate: Option<Arc<Certificate>>,
    http: Builder<TokioExecutor>,
    config: ConnectionConfig,
    stage: watch::Receiver<Stage>,
}

impl Connections {
    pub(super) fn new(
        router: Router,
        certificate: Option<Arc<Certificate>>,
        config: ConnectionConfig,
        stage: watch::Receiver<Stage>,
    ) -> Self {
        let mut http = Builder::new(TokioExecutor::new());
        // `pulse` has the time for heads, `line` looks for clients that went away.
        http.http1().timer(TokioTimer::new()).header_read_timeout(None).half_close(true).max_buf_size(BUFFER);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .max_concurrent_streams(STREAMS)
            .max_send_buf_size(BUFFER);
        Self { router: TowerToHyperService::new(router), certificate, http, config, stage }
    }

    /// How many there may be.
    pub(super) fn most(&self) -> usize {
        self.config.max_connections.get().min(Semaphore::MAX_PERMITS)
    }

    /// How far the service is.
    pub(super) fn stage(&self) -> watch::Receiver<Stage> {
        self.stage.clone()
    }

    fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.config.write_timeout_ms.get())
    }

    /// Serves a connection to its end; `_place` is its place among the open ones.
    pub(super) async fn serve(self, tcp: TcpStream, _place: OwnedSemaphorePermit) {
        let Ok(line) = Line::new(tcp, self.certificate.is_some()) else { return };
        let line = Arc::new(line);
        let pulse = Arc::new(Pulse::new(Duration::from_millis(self.config.keep_alive_ms.get())));
        let socket = Socket::new(Arc::clone(&line), Arc::clone(&pulse), self.write_timeout());
        let ended = match &self.certificate {
            None => self.talk(socket, &line, &pulse).await,
            Some(certificate) => match timeout(HEAD, certificate.acceptor().accept(socket)).await {
                Ok(Ok(encrypted)) => self.talk(encrypted, &line, &pulse).await,
                Ok(Err(error)) => Err(error.into()),
                Err(late) => Err(late.into()),
            },
        };
        match ended {
            Ok(()) => line.linger().await,
            Err(error) => {
                tracing::debug!(error, "a connection ended");
                // Hyper has told the client so.
                if error.downcast_ref().is_some_and(hyper::Error::is_parse) {
                    line.linger().await;
                }
            }
        }
    }

    /// Speaks HTTP until either side has enough.
    async fn talk<S>(&self, stream: S, line: &Arc<Line>, pulse: &Arc<Pulse>) -> Ended
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| self.clone().answer(request, Arc::clone(line), Arc::clone(pulse)));
        let mut connection = pin!(self.http.serve_connection(TokioIo::new(stream), service));
        let (mut state, mut stage) = (pulse.watch(), self.stage());
        let mut told = false;
        loop {
            let (now, at) = (*state.borrow_and_update(), *stage.borrow_and_update());
            if at >= Stage::Closing {
                pulse.hurry();
            }
            if now.is_to_end(at) && !told {
                told = true;
                connection.as_mut().graceful_shutdown();
                pulse.ending();
            }
            tokio::select! {
                biased;
                ended = connection.as_mut() => return ended,
                () = pulse.given_up() => return timed_out(),
                () = passed(now.until()) => {
                    if told || now.in_head() {
                        return timed_out();
                    }
                    told = true;
                    connection.as_mut().graceful_shutdown();
                    pulse.ending();
                }
                Ok(()) = state.changed() => {}
                Ok(()) = stage.changed() => {}
            }
        }
    }

    /// Has a request answered, for as long as its client is there.
    async fn answer(
        self,
        request: Request<Incoming>,
        line: Arc<Line>,
        pulse: Arc<Pulse>,
    ) -> io::Result<Response<Answer>> {
        let version = request.version();
        let in_flight = pulse.request(version);
        let expects = request.headers().contains_key(header::EXPECT);
        let mut response = tokio::select! {
            answered = self.router.call(request) => answered.unwrap_or_else(|never| match never {}),
            () = line.abandoned(version) => return Err(ErrorKind::ConnectionAborted.into()),
        };
        // The body of a refused request that waited to be asked for it is never read, see `upload::discard`.
        let unread = expects && !response.status().is_success();
        if version != Version::HTTP_2 && (unread || *self.stage.borrow() >= Stage::Draining) {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(response.map(|body| Answer::new(body, in_flight, self.write_timeout())))
    }
}

fn timed_out() -> Ended {
    Err(Box::new(io::Error::from(ErrorKind::TimedOut)))
}

/// Ends at a moment, or never.
async fn passed(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
