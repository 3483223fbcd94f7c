//! The native part of the Python package `clearshot`: photos in, the JSON of HTTP's answers out. All that Python's users see is written
//! in `clearshot/__init__.py`.

use std::fmt::Display;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clearshot_core::assessment::{PrepareError, Prepared, prepare};
use clearshot_core::ingest::Limits;
use clearshot_core::load::{Files, load_models};
use clearshot_core::models::ModelSet;
use clearshot_core::scorer::Scorer;
use clearshot_core::scoring::profile::{Profile, Profiles};
use clearshot_core::session::Runtime;
use image::ExtendedColorType;
use image::codecs::bmp::BmpEncoder;
use pyo3::exceptions::{PyKeyError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

/// Why a photo was not scored: the code of the problem that HTTP answers, and a sentence.
type Refusal = (&'static str, String);

/// Models and profiles, and for each thread that scores at the same time a scorer.
#[pyclass(frozen)]
struct Engine {
    runtime: Runtime,
    models: Arc<ModelSet>,
    profiles: Profiles,
    limits: Limits,
    idle: Mutex<Vec<Scorer>>,
}

#[pymethods]
impl Engine {
    /// Loads models and profiles.
    #[new]
    fn new(models: PathBuf, profiles: Option<PathBuf>, onnxruntime: PathBuf) -> PyResult<Self> {
        let refused = |error: &dyn Display| PyRuntimeError::new_err(error.to_string());
        let files = Files { models, profiles, onnxruntime: Some(onnxruntime) };
        let profiles = Profiles::load_or_built_in(files.profiles.as_deref()).map_err(|error| refused(&error))?;
        let models = load_models(&files, &profiles).map_err(|error| refused(&error))?;
        // On the CPU, since a GPU wants photos in batches, which are the service's work.
        let runtime = Runtime::load(files.onnxruntime.as_deref()).map_err(|error| refused(&error))?;
        Ok(Self { runtime, models: Arc::new(models), profiles, limits: Limits::default(), idle: Mutex::default() })
    }

    /// Names of the profiles.
    fn profiles(&self) -> Vec<String> {
        self.profiles.iter().map(|profile| profile.name.to_string()).collect()
    }

    /// The answer to a photo as JSON, or why there is none. Other Python threads run meanwhile.
    fn score(&self, python: Python<'_>, photo: &[u8], profile: &str) -> PyResult<(Option<String>, Option<Refusal>)> {
        let profile = self.profiles.find(profile).ok_or_else(|| PyKeyError::new_err(profile.to_owned()))?;
        Ok(match python.detach(|| self.assess(photo, profile))? {
            Ok(answer) => (Some(answer), None),
            Err(refusal) => (None, Some(refusal)),
        })
    }
}

impl Engine {
    fn assess(&self, photo: &[u8], profile: &Profile) -> PyResult<Result<String, Refusal>> {
        let prepared = match prepare(photo, &self.limits, self.models.views(), false) {
            Ok(prepared) => prepared,
            Err(PrepareError::Ingest(error)) => return Ok(Err((error.code(), format!("{error}.")))),
            Err(error @ PrepareError::Panicked) => return Err(PyRuntimeError::new_err(error.to_string())),
        };
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let scorer = idle().pop();
        let mut scorer = match scorer {
            Some(scorer) => scorer,
            None => self.scorer()?,
        };
        let assessment = one(&mut scorer, prepared, profile)?;
        idle().push(scorer);
        Ok(Ok(assessment))
    }

    fn scorer(&self) -> PyResult<Scorer> {
        Scorer::new(&self.runtime, Arc::clone(&self.models)).map_err(|error| PyRuntimeError::new_err(error.to_string()))
    }
}

fn one(scorer: &mut Scorer, photo: Prepared, profile: &Profile) -> PyResult<String> {
    let assessed = scorer.score(vec![photo], profile).pop();
    let assessment = assessed.expect("one photo has one outcome");
    let assessment = assessment.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    serde_json::to_string(&assessment).map_err(|error| PyRuntimeError::new_err(error.to_string()))
}

/// A picture of 8-bit RGB pixels, row by row, as a file that `score` reads: BMP, which loses nothing and costs little.
#[pyfunction]
fn file_of_pixels(pixels: &[u8], width: u32, height: u32) -> PyResult<Vec<u8>> {
    let mut file = Cursor::new(Vec::new());
    let written = BmpEncoder::new(&mut file).encode(pixels, width, height, ExtendedColorType::Rgb8);
    written.map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(file.into_inner())
}

/// See the module's header.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Engine>()?;
    module.add_function(wrap_pyfunction!(file_of_pixels, module)?)
}
