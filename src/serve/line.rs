//! The TCP connection to a client: bytes in both directions, and whether the client is still there.

use std::io::{self, ErrorKind, IoSlice};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::Version;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep, timeout};

use super::pulse::Pulse;

/// What is sent to a client that has ended its side, to see whether it is still there. Whoever reads HTTP/1.1 skips it
/// (RFC 9110, section 15.2); whoever has closed the connection resets it.
const PROBE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How long a client that has ended its side may wait for its answer before it is looked for: most have theirs by then.
const PATIENCE: Duration = Duration::from_millis(200);

/// The connection as such.
pub(super) struct Line {
    tcp: TcpStream,
    encrypted: bool,
    /// The last write ended amid what was to be written: nothing may come between.
    amid: AtomicBool,
}

impl Line {
    /// An accepted connection.
    ///
    /// # Errors
    /// When it is broken already.
    pub(super) fn new(tcp: TcpStream, encrypted: bool) -> io::Result<Self> {
        tcp.set_nodelay(true)?;
        Ok(Self { tcp, encrypted, amid: AtomicBool::new(false) })
    }

    /// Ends when the client that waits for an answer has gone. One that has only ended its own side, as it may after a
    /// request, is still there; TCP tells the two apart only when something is sent. HTTP/2 ends the streams of a
    /// client that went away of itself.
    pub(super) async fn abandoned(&self, version: Version) {
        if version == Version::HTTP_2 {
            return std::future::pending().await;
        }
        // Ends when the client's side has; urgent data, which would end it, too, is not asked for when a socket is
        // registered.
        let _ = self.tcp.ready(Interest::PRIORITY).await;
        if self.encrypted {
            // Libraries for TLS close both sides at once.
            return;
        }
        if version == Version::HTTP_11 {
            let _ = timeout(PATIENCE, self.reset()).await;
            if !self.amid.load(Ordering::Relaxed) {
                // Without room for it, the client is slow and not gone.
                let _ = self.tcp.try_write(PROBE);
            }
        }
        self.reset().await;
    }

    /// Ends when the client's system says that it knows no such connection.
    async fn reset(&self) {
        let _ = self.tcp.ready(Interest::ERROR).await;
    }

    /// Reads and drops what the client still sends after our side was ended, for a moment: a connection that is closed
    /// under a sender shows it a reset instead of the answer (RFC 9112, section 9.6).
    pub(super) async fn linger(&self) {
        const MOMENT: Duration = Duration::from_secs(1);
        let drained = async {
            let mut scrap = vec![0; 16 << 10];
            while self.tcp.readable().await.is_ok() {
                match self.tcp.try_read(&mut scrap) {
                    Ok(0) => break,
                    Err(error) if error.kind() != ErrorKind::WouldBlock => break,
                    Ok(_) | Err(_) => {}
                }
            }
        };
        let _ = timeout(MOMENT, drained).await;
    }
}

/// The bytes of a line. A client that takes none for the write timeout is an error.
pub(super) struct Socket {
    line: Arc<Line>,
    pulse: Arc<Pulse>,
    write_timeout: Duration,
    /// Runs while the client takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(super) fn new(line: Arc<Line>, pulse: Arc<Pulse>, write_timeout: Duration) -> Self {
        Self { line, pulse, write_timeout, stalled: None }
    }

    /// Writes as soon as there is room; `size` is how much there is to write.
    fn poll_write_by(
        &mut self,
        cx: &mut Context<'_>,
        size: usize,
        write: impl Fn(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        while self.line.tcp.poll_write_ready(cx)?.is_ready() {
            let written = match write(&self.line.tcp) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                written => written?,
            };
            self.stalled = None;
            self.line.amid.store(written < size, Ordering::Relaxed);
            self.pulse.sent();
            return Poll::Ready(Ok(written));
        }
        self.line.amid.store(true, Ordering::Relaxed);
        let time = self.write_timeout;
        ready!(self.stalled.get_or_insert_with(|| Box::pin(sleep(time))).as_mut().poll(cx));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.line.tcp.poll_read_ready(cx))?;
            match self.line.tcp.try_read_buf(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => {
                    if read? > 0 {
                        self.pulse.received();
                    }
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_by(cx, bytes.len(), |tcp| tcp.try_write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let size = slices.iter().map(|slice| slice.len()).sum();
        self.poll_write_by(cx, size, |tcp| tcp.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.line.tcp).shutdown(Shutdown::Write))
    }
}
