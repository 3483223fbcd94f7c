//! Rolling restarts: one of two servers at a time is stopped and started anew under load, behind a small proxy that
//! asks /readyz as Kubernetes does, and under clients that keep their connections until they are told to close them. No
//! request may fail.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use support::photos::{jpeg, pavilion};
use support::raw::Raw;
use support::room::room;
use support::server::Server;
use tokio::sync::Mutex;

/// Addresses of the servers that said they were ready when last asked; requests take turns.
#[derive(Clone, Default)]
struct Proxy {
    client: reqwest::Client,
    known: Arc<Mutex<Vec<String>>>,
    ready: Arc<Mutex<Vec<String>>>,
    turn: Arc<AtomicUsize>,
}

impl Proxy {
    /// Asks every known server for its readiness.
    async fn probe(&self) {
        let mut ready = Vec::new();
        for url in self.known.lock().await.clone() {
            let answer = self.client.get(format!("{url}/readyz")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                ready.push(url);
            }
        }
        *self.ready.lock().await = ready;
    }

    async fn forward(State(proxy): State<Self>, body: Bytes) -> (StatusCode, Bytes) {
        let ready = proxy.ready.lock().await.clone();
        let unavailable = (StatusCode::BAD_GATEWAY, Bytes::new());
        let Some(url) = ready.get(proxy.turn.fetch_add(1, Ordering::Relaxed) % ready.len().max(1)) else {
            return unavailable;
        };
        match proxy.client.post(format!("{url}/score")).body(body).send().await {
            Ok(answer) => (answer.status(), answer.bytes().await.unwrap_or_default()),
            Err(_) => unavailable,
        }
    }
}

fn server() -> Server {
    Server::start(&["--shutdown-grace-ms", "1000"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_loses_no_request() {
    let mut servers = [server(), server()];
    let proxy = Proxy::default();
    *proxy.known.lock().await = servers.iter().map(|server| server.url.clone()).collect();
    proxy.probe().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let router = Router::new().fallback(Proxy::forward).with_state(proxy.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let prober = proxy.clone();
    tokio::spawn(async move {
        loop {
            prober.probe().await;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });

    let done = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (client, done) = (support::server::client(), Arc::clone(&done));
            tokio::spawn(async move {
                let mut statuses = Vec::new();
                while !done.load(Ordering::Relaxed) {
                    let answer = client.post(format!("http://{address}/score")).body(pavilion()).send().await;
                    let answer = answer.expect("the proxy answers");
                    statuses.push(answer.status().as_u16());
                    assert!(answer.text().await.is_ok_and(|text| text.contains("\"scores\"")), "{statuses:?}");
                }
                statuses.len()
            })
        })
        .collect();
    for server in &mut servers {
        server.signal("TERM");
        let waiting = tokio::task::block_in_place(|| server.wait(Duration::from_secs(20)));
        assert!(waiting.success(), "a server that was told to stop ended badly: {waiting}");
        *server = self::server();
        proxy.known.lock().await.push(server.url.clone());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    done.store(true, Ordering::Relaxed);
    let mut scored = 0;
    for client in clients {
        scored += client.await.expect("no request failed");
    }
    assert!(scored > 20, "{scored} requests are no load");
    println!("{scored} requests, none failed");
}

/// Where the servers are; one that is being replaced may be gone.
type Addresses = Arc<std::sync::Mutex<[String; 2]>>;

/// A connection to a server that says it is ready, as a load balancer would open it.
fn connection(addresses: &Addresses, turn: &mut usize) -> Raw {
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < Duration::from_secs(30), "no server is ready");
        *turn += 1;
        let address = addresses.lock().expect("nobody panics with it")[*turn % 2].clone();
        let Ok(mut raw) = Raw::connect_to(&address) else { continue };
        raw.send("GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n");
        if raw.answer().is_ok_and(|answer| answer.status() == 200 && !answer.closes()) {
            return raw;
        }
    }
}

/// Scores photos by one connection until told to close it, then by another; how many photos, and how many connections.
fn client(addresses: &Addresses, done: &AtomicBool) -> (usize, usize) {
    let photo = jpeg(&room(320, 240, 1), 90);
    let head = format!("POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", photo.len());
    let request = [head.as_bytes(), &photo].concat();
    let (mut scored, mut connections, mut turn) = (0, 0, 0);
    while !done.load(Ordering::Relaxed) {
        let mut raw = connection(addresses, &mut turn);
        connections += 1;
        while !done.load(Ordering::Relaxed) {
            raw.send(&request);
            let answer = raw.answer().unwrap_or_else(|error| panic!("request {scored} was lost: {error}"));
            assert_eq!(answer.status(), 200, "{answer:?}");
            scored += 1;
            if answer.closes() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    (scored, connections)
}

#[test]
fn twenty_restarts_lose_no_request_of_clients_that_keep_their_connections() {
    const RESTARTS: usize = 20;
    let mut servers = [server(), server()];
    let addresses = Addresses::new(std::sync::Mutex::new(servers.each_ref().map(|server| server.url.clone())));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let clients = [(); 3].map(|()| scope.spawn(|| client(&addresses, &done)));
        for turn in 0..RESTARTS {
            let server = &mut servers[turn % 2];
            server.signal("TERM");
            assert!(server.wait(Duration::from_secs(40)).success(), "it ended badly");
            *server = self::server();
            addresses.lock().expect("nobody panics with it")[turn % 2] = server.url.clone();
        }
        done.store(true, Ordering::Relaxed);
        let counts = clients.map(|client| client.join().expect("no request was lost"));
        println!("{counts:?} photos and connections of each client");
        assert!(counts.iter().all(|(scored, connections)| *scored > RESTARTS && *connections > 2), "{counts:?}");
    });
}
