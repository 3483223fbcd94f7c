//! `clearshot doctor`: what a service with these flags would find here, what is wrong with it, and how to mend it. It takes every step
//! of a start, and scores a photo, without serving.

use std::fmt;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use clearshot_core::assessment::prepare;
use clearshot_core::ingest::{Budget, IngestError, Limits, decode, jpeg_decoder};
use clearshot_core::load::{LoadError, load_models};
use clearshot_core::models::ModelSet;
use clearshot_core::platform::Platform;
use clearshot_core::scorer::Scorer;
use clearshot_core::scoring::card::CardError;
use clearshot_core::scoring::profile::Profiles;
use clearshot_core::session::Runtime;
use serde::Serialize;

use crate::access::Keys;
use crate::app::cores;
use crate::certificate::Certificate;
use crate::config::ServeConfig;
use crate::drawn;
use crate::memory;
use crate::source::Sources;
use crate::words::how_many;

/// Width and height of the photo that is drawn.
const DRAWN: [u32; 2] = [1024, 768];

/// Flags of `doctor`: those of `serve`.
#[derive(Clone, Debug, Args)]
pub struct DoctorConfig {
    /// The service to look at.
    #[command(flatten)]
    pub serve: ServeConfig,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// How a part of the service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Good,
    /// The service runs, but not as well as it could.
    Poor,
    /// The service does not start, or cannot do its work.
    Broken,
}

/// What was found of a part of the service.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// The part.
    pub part: &'static str,
    /// How it is.
    pub state: State,
    /// What is there, or what is wrong and how to mend it.
    pub found: String,
}

/// All findings.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis(Vec<Finding>);

impl Diagnosis {
    /// True where the service would start and work.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.0.iter().all(|finding| finding.state != State::Broken)
    }

    fn add(&mut self, part: &'static str, state: State, found: impl Into<String>) {
        self.0.push(Finding { part, state, found: found.into() });
    }

    /// Adds what a step gave, and gives its value on.
    fn take<T>(
        &mut self,
        part: &'static str,
        step: Result<T, impl fmt::Display>,
        describe: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        match step {
            Ok(value) => {
                self.add(part, State::Good, describe(&value));
                Some(value)
            }
            Err(error) => {
                self.add(part, State::Broken, error.to_string());
                None
            }
        }
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { part, state, found } in &self.0 {
            let mark = match state {
                State::Good => "good  ",
                State::Poor => "poor  ",
                State::Broken => "BROKEN",
            };
            writeln!(f, "{mark}  {part:<13} {found}")?;
        }
        let broken = self.0.iter().filter(|finding| finding.state == State::Broken).count();
        match broken {
            0 => write!(f, "\nThe service would start."),
            _ => write!(f, "\nThe service would not work: {broken} to mend."),
        }
    }
}

/// Looks at everything that a service with these flags needs.
#[must_use]
pub fn examine(config: &ServeConfig) -> Diagnosis {
    let mut diagnosis = Diagnosis(Vec::new());
    diagnosis.add("version", State::Good, format!("clearshot {}", env!("CARGO_PKG_VERSION")));
    machine(config, &mut diagnosis);
    scoring(config, &mut diagnosis);
    network(config, &mut diagnosis);
    diagnosis
}

fn machine(config: &ServeConfig, diagnosis: &mut Diagnosis) {
    const MIB: u64 = 1 << 20;
    /// What models, server and 12-megapixel photos on two cores take.
    const COMFORTABLE: u64 = 512 * MIB;
    let decoder = match jpeg_decoder() {
        "libjpeg-turbo" => (State::Good, "libjpeg-turbo".to_owned()),
        other => {
            let remedy =
                "apt-get install cmake nasm, then `make run` builds libjpeg-turbo: large JPEGs decode twice as fast";
            (State::Poor, format!("{other}; {remedy}"))
        }
    };
    diagnosis.add("JPEG decoder", decoder.0, decoder.1);
    let (cores, decoders) = (cores(), config.app.decoders);
    diagnosis.add(
        "cores",
        State::Good,
        format!(
            "{cores}, {}, {} decoded at once",
            Platform::current().instruction_set,
            how_many(decoders.get(), "photo")
        ),
    );
    let (all, decode) = (memory::available(), config.app.memory.decode().whole());
    let found = format!("{} MiB, {} of them for decoding", all / MIB, decode / MIB);
    if all < COMFORTABLE {
        let remedy = "give it 512 MiB, or lower --max-in-flight and --max-pixels";
        diagnosis.add("memory", State::Poor, format!("{found}; {remedy}"));
    } else {
        diagnosis.add("memory", State::Good, found);
    }
    let wanted = config.listen.connections.max_connections.get() as u64;
    match open_files() {
        Some(most) if most < wanted + 64 => {
            let remedy = "raise it (`ulimit -n`, LimitNOFILE=), or lower --max-connections";
            diagnosis.add("open files", State::Poor, format!("{most}, for {wanted} connections; {remedy}"));
        }
        Some(most) => diagnosis.add("open files", State::Good, format!("{most}, for {wanted} connections")),
        None => {}
    }
}

/// Soft limit of open files.
fn open_files() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn scoring(config: &ServeConfig, diagnosis: &mut Diagnosis) {
    let files = &config.app.files;
    let photo = drawn::photo(DRAWN);
    match config.app.validate() {
        Ok(()) => limits(config, &photo, diagnosis),
        Err(error) => diagnosis.add("flags", State::Broken, error),
    }
    let runtime = diagnosis.take("ONNX Runtime", Runtime::load(files.onnxruntime.as_deref()), |runtime| {
        runtime.path().display().to_string()
    });
    let names =
        |profiles: &Profiles| profiles.iter().map(|profile| profile.name.to_string()).collect::<Vec<_>>().join(", ");
    let profiles = Profiles::load_or_built_in(files.profiles.as_deref());
    let Some(profiles) = diagnosis.take("profiles", profiles, names) else { return };
    let versions = |models: &ModelSet| models.cards().map(|card| card.version.clone()).collect::<Vec<_>>().join(", ");
    let models = load_models(files, &profiles);
    let remedy = |error: LoadError| match error {
        LoadError::Card(CardError::NoFolder { .. }) => error.to_string(),
        _ => format!("{error}; name their folder by --models (here: {})", files.models.display()),
    };
    let Some(models) = diagnosis.take("models", models.map_err(remedy), versions) else { return };
    let Some(runtime) = runtime else { return };
    let on = runtime.on(config.app.engine.device, &models.models()[0]);
    let Some(runtime) = diagnosis.take("device", on, Runtime::provider) else { return };
    diagnosis.take("a photo", score(&runtime, models, &profiles, &photo), Clone::clone);
}

/// Tells whether the limits let the photo in. Those that refuse it may be meant, as long as they let in a smaller or larger one.
fn limits(config: &ServeConfig, photo: &[u8], diagnosis: &mut Diagnosis) {
    let app = &config.app;
    let Limits { max_pixels, max_side, min_side, .. } = app.limits;
    let memory = app.memory.decode();
    let budget = Budget { limits: &app.limits, memory: Some(&memory), until: None };
    let bytes = [
        ("--max-body-bytes", app.upload_limits.max_body_bytes),
        ("--max-form-bytes", app.upload_limits.max_form_bytes),
        ("--max-upload-memory", app.max_upload_memory),
    ];
    let exceeded = bytes.into_iter().find(|(_, most)| photo.len() > *most);
    let (state, found) = match (decode(photo, budget), exceeded) {
        (Err(error @ IngestError::TooSmall { .. }), _) => (State::Poor, format!("{error}; lower --min-side")),
        (Err(error), _) => {
            let smallest = drawn::photo(DRAWN.map(|side| side.min(min_side)));
            let state = if decode(&smallest, budget).is_ok() { State::Poor } else { State::Broken };
            (state, format!("{error}; raise --max-side, --max-pixels, --max-decoded-bytes or --decode-memory"))
        }
        (Ok(_), Some((flag, most))) => {
            let [width, height] = DRAWN;
            let found = format!("a PNG of {width}x{height} may take {} bytes, {flag} lets in {most}", photo.len());
            (State::Poor, format!("{found}; raise it"))
        }
        (Ok(_), None) => {
            (State::Good, format!("photos of {min_side} to {max_side} pixels a side, at most {max_pixels} in all"))
        }
    };
    diagnosis.add("limits", state, found);
}

/// Scores a photo, twice: the first one warms up. The models are tried whatever the limits say of it.
fn score(runtime: &Runtime, models: ModelSet, profiles: &Profiles, photo: &[u8]) -> Result<String, String> {
    let mut scorer = Scorer::new(runtime, Arc::new(models)).map_err(|error| error.to_string())?;
    let profile = profiles.iter().next().ok_or("there is no profile")?;
    let mut one = || {
        let started = Instant::now();
        let views = scorer.models().views().to_vec();
        let prepared = prepare(photo, &Limits::default(), &views, false).map_err(|error| error.to_string())?;
        for outcome in scorer.score(vec![prepared], profile) {
            outcome.map_err(|error| error.to_string())?;
        }
        Ok(started.elapsed())
    };
    one().and_then(|_| one()).map(|spent: Duration| {
        let [width, height] = DRAWN;
        format!("scored in {:.0} ms on one core (a drawn PNG of {width}x{height})", spent.as_secs_f64() * 1e3)
    })
}

fn network(config: &ServeConfig, diagnosis: &mut Diagnosis) {
    let access = &config.app.access;
    let listen = config.listen.listen;
    diagnosis.take("access", access.validate(listen), |()| match &access.keys {
        Some(path) => format!("by the keys of {}", path.display()),
        None if listen.ip().is_loopback() => "this machine alone".to_owned(),
        None => "everybody who reaches it (--allow-anonymous)".to_owned(),
    });
    if let Some(path) = &access.keys {
        diagnosis.take("keys", Keys::load(path, config.app.max_in_flight), |keys| format!("{}", keys.len()));
    }
    if let (Some(chain), Some(key)) = (&access.tls_cert, &access.tls_key) {
        diagnosis.take("certificate", Certificate::load(chain, key), |_| chain.display().to_string());
    }
    if let sources @ [_, ..] = &config.app.sources.allow_source[..] {
        diagnosis.take("sources", Sources::of(&config.app.sources), |_| format!("fetched from {}", sources.join(", ")));
    }
    for (part, address) in [("port", Some(listen)), ("admin port", access.admin_listen)] {
        let Some(address) = address else { continue };
        let free = TcpListener::bind(address).map_err(|error| {
            let flag = if part == "port" { "--listen" } else { "--admin-listen" };
            format!("cannot listen on {address}: {error}; stop what listens there, or choose another by {flag}")
        });
        diagnosis.take(part, free, |_| format!("{address} is free"));
    }
}
