//! HTTP/1.1 as bytes on a connection of one's own: what no well-kept client would send, or keep quiet about.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::server::Server;

/// A connection to a server.
pub struct Raw {
    pub stream: TcpStream,
    /// What was read beyond the last answer.
    ahead: Vec<u8>,
}

/// An answer's head and body.
#[derive(Debug)]
pub struct RawAnswer {
    pub head: String,
    pub body: Vec<u8>,
}

impl RawAnswer {
    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    /// A header's value, in lower case.
    pub fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines
            .into_iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_lowercase())
    }

    /// Whether it is the last one of its connection.
    pub fn closes(&self) -> bool {
        self.header("connection").is_some_and(|value| value.contains("close"))
    }
}

impl Raw {
    pub fn connect(server: &Server) -> Self {
        Self::connect_to(&server.url).expect("it listens")
    }

    pub fn connect_to(url: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(url.rsplit('/').next().expect("an address"))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream, ahead: Vec::new() })
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("it reads");
    }

    /// Sends a request without a body and reads the answer.
    pub fn get(&mut self, path: &str) -> RawAnswer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"));
        self.answer().expect("an answer")
    }

    /// The next answer; an error if the server closes before it is complete.
    pub fn answer(&mut self) -> std::io::Result<RawAnswer> {
        loop {
            if let Some(end) = self.ahead.windows(4).position(|end| end == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.ahead[..end]).into_owned();
                let mut answer = RawAnswer { head, body: Vec::new() };
                let length = answer.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
                if self.ahead.len() >= end + 4 + length {
                    answer.body = self.ahead[end + 4..end + 4 + length].to_vec();
                    self.ahead.drain(..end + 4 + length);
                    return Ok(answer);
                }
            }
            let mut bytes = [0; 16 << 10];
            match self.stream.read(&mut bytes)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => self.ahead.extend_from_slice(&bytes[..count]),
            }
        }
    }

    /// Waits until the server has closed the connection, or fails; what it still sends is dropped. Tells how long that
    /// took.
    pub fn closed_within(&mut self, limit: Duration) -> Duration {
        let started = Instant::now();
        self.stream.set_read_timeout(Some(limit)).expect("it can be set");
        let mut bytes = [0; 16 << 10];
        loop {
            match self.stream.read(&mut bytes) {
                Ok(0) => return started.elapsed(),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return started.elapsed(),
                Err(error) => panic!("the connection is open after {:?}: {error}", started.elapsed()),
                Ok(_) => {}
            }
        }
    }

    /// Asks for answers without reading any, until there is no room for more requests.
    pub fn ask_without_reading(&mut self, path: &str) {
        let requests = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").repeat(100);
        self.stream.set_write_timeout(Some(Duration::from_millis(500))).expect("it can be set");
        while self.stream.write_all(requests.as_bytes()).is_ok() {}
    }

    /// Waits until the server has closed the connection under a client that goes on asking and reads nothing, or fails.
    pub fn refused_within(&mut self, limit: Duration) {
        let started = Instant::now();
        loop {
            match self.stream.write(b"\r\n") {
                Err(error) if ![ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => return,
                _ => assert!(started.elapsed() < limit, "the connection is open after {limit:?}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
