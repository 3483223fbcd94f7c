//! ONNX Runtime: finding its library, loading it, running one branch model. The only file that knows the `ort` crate,
//! whose interface still moves.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::ep::cuda::ConvAlgorithmSearch;
use ort::ep::{CUDA, ExecutionProvider};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;

use crate::privacy;
use crate::scoring::card::VerifiedModel;
use crate::scoring::output::Output;
use crate::scoring::second_look::SecondLook;
use crate::view::View;

/// Name of the library on this platform.
const LIBRARY: &str = if cfg!(target_os = "macos") { "libonnxruntime.dylib" } else { "libonnxruntime.so" };
/// Folder into which `scripts/setup-onnxruntime` unpacks the library.
const PROJECT_FOLDER: &str = ".onnxruntime";
/// Where distributions install libraries.
const SYSTEM_FOLDERS: [&str; 5] =
    ["/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/opt/onnxruntime/lib"];

/// What can go wrong with ONNX Runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is no library to load.
    #[error(
        "ONNX Runtime was not found (looked in {looked_in}). Run `scripts/setup-onnxruntime`, or name the library with \
         --onnxruntime PATH or ORT_DYLIB_PATH"
    )]
    NotFound {
        /// The places that were tried.
        looked_in: String,
    },
    /// The library was found but cannot be used.
    #[error("ONNX Runtime at {} cannot be loaded: {reason}. Run `scripts/setup-onnxruntime` for a version that fits", path.display())]
    Unloadable {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// ONNX Runtime would send usage data.
    #[error("ONNX Runtime would send usage data: set {}=1 before the program starts", privacy::VARIABLE)]
    Telemetry,
    /// CUDA was asked for and cannot be used.
    #[error(
        "CUDA cannot be used: {reason}. Name a library with the CUDA provider by --onnxruntime (the Python wheel onnxruntime-gpu has one), with cuBLAS and cuDNN where the loader finds them, or use --device cpu"
    )]
    NoCuda {
        /// What is missing.
        reason: String,
    },
    /// The model is not valid for this runtime.
    #[error("the {metric} model cannot be loaded: {reason}")]
    Model {
        /// The model's metric.
        metric: String,
        /// What ONNX Runtime said.
        reason: String,
    },
    /// A run failed.
    #[error("the {metric} model failed: {reason}")]
    Run {
        /// The model's metric.
        metric: String,
        /// What ONNX Runtime said.
        reason: String,
    },
}

/// What the models shall run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// The first NVIDIA GPU where there is one that works, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The NVIDIA GPU of this number, or no start.
    Cuda(u16),
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            other => other
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| "auto, cpu, cuda or cuda:N with the number of a GPU".to_owned()),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// How cuDNN chooses among its implementations of a convolution.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum ConvSearch {
    /// Always the same one.
    Default,
    /// By its own estimate.
    #[default]
    Heuristic,
    /// By trying all: each new batch size then takes seconds, which warm-up spends before the service is ready.
    Exhaustive,
}

/// What models run on.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
pub struct DeviceConfig {
    /// What the models run on: auto, cpu, cuda or cuda:N.
    #[cfg_attr(feature = "cli", arg(long, env = "CLEARSHOT_DEVICE", default_value_t = Device::Auto))]
    pub device: Device,
    /// Most GPU memory that each session may take, in bytes [default: no limit].
    #[cfg_attr(feature = "cli", arg(long, env = "CLEARSHOT_CUDA_MEMORY_LIMIT"))]
    pub cuda_memory_limit: Option<usize>,
    /// How cuDNN chooses its convolutions.
    #[cfg_attr(feature = "cli", arg(long, env = "CLEARSHOT_CUDA_CONV_SEARCH", value_enum, default_value_t))]
    pub cuda_conv_search: ConvSearch,
}

impl Default for DeviceConfig {
    fn default() -> Self {
        Self { device: Device::Auto, cuda_memory_limit: None, cuda_conv_search: ConvSearch::default() }
    }
}

/// The library that this process has loaded. A process can hold one environment of ONNX Runtime only, for as long as it
/// lives, so whoever loads it after the first gets the same.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// The loaded ONNX Runtime, and what sessions made with it run on.
#[derive(Clone)]
pub struct Runtime {
    environment: Environment,
    path: PathBuf,
    gpu: Option<(u16, DeviceConfig)>,
}

impl Runtime {
    /// Loads ONNX Runtime from `explicit`, else from the place where the project's own setup put it, else from system
    /// folders. May be called again, and from several threads: a process loads the library once.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Unloadable`] (also for another library than the one that this process
    /// has loaded) or [`RuntimeError::Telemetry`], naming the remedy.
    pub fn load(explicit: Option<&Path>) -> Result<Self, RuntimeError> {
        if !privacy::is_private() {
            return Err(RuntimeError::Telemetry);
        }
        let path = locate(explicit)?;
        let unloadable = |reason: String| RuntimeError::Unloadable { path: path.clone(), reason };
        // An absolute path: ort resolves relative ones against the executable, users mean the working directory.
        let absolute = std::path::absolute(&path).map_err(|error| unloadable(error.to_string()))?;
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        let environment = match loaded.as_ref() {
            Some((first, environment)) if *first == absolute => environment.clone(),
            Some((first, _)) => {
                return Err(unloadable(format!("this process has loaded {} already", first.display())));
            }
            None => ort::init_from(&absolute)
                .map_err(|error| unloadable(error.to_string()))?
                .with_name("clearshot")
                .with_telemetry(false)
                .build()
                .map_err(|error| unloadable(error.to_string()))?,
        };
        *loaded = Some((absolute.clone(), environment.clone()));
        Ok(Self { environment, path: absolute, gpu: None })
    }

    /// Chooses what sessions run on. Whether a GPU works is found out by loading `model` there: a library with the CUDA
    /// provider says nothing of drivers and of the libraries which that provider needs.
    ///
    /// # Errors
    /// [`RuntimeError::NoCuda`] when CUDA was asked for and cannot be used.
    pub fn on(self, config: DeviceConfig, model: &VerifiedModel) -> Result<Self, RuntimeError> {
        let number = match config.device {
            Device::Cpu => return Ok(self),
            Device::Auto => 0,
            Device::Cuda(number) => number,
        };
        let tried = self.with_gpu(number, config).and_then(|runtime| {
            BranchSession::of(&runtime, model, 1).map_err(|error| error.to_string())?;
            Ok(runtime)
        });
        match tried {
            Ok(runtime) => Ok(runtime),
            // As it should be on most machines: nothing that reads like a failure, which somebody would try to correct.
            Err(reason) if config.device == Device::Auto => {
                tracing::info!(reason, "the models run on the CPU; `--device cuda` says what a GPU would take");
                Ok(self)
            }
            Err(reason) => Err(RuntimeError::NoCuda { reason }),
        }
    }

    /// The runtime with sessions on a GPU, or in words what is missing.
    fn with_gpu(&self, number: u16, config: DeviceConfig) -> Result<Self, String> {
        if CUDA::is_available().map_err(|error| error.to_string())? {
            Ok(Self { gpu: Some((number, config)), ..self.clone() })
        } else {
            Err(format!("ONNX Runtime at {} was built without the CUDA provider", self.path.display()))
        }
    }

    /// The execution provider that sessions run on: `cpu` or `cuda:N`.
    #[must_use]
    pub fn provider(&self) -> String {
        self.gpu.map_or(Device::Cpu, |(number, _)| Device::Cuda(number)).to_string()
    }

    fn cuda(&self) -> Option<CUDA> {
        let (number, config) = self.gpu?;
        let search = match config.cuda_conv_search {
            ConvSearch::Default => ConvAlgorithmSearch::Default,
            ConvSearch::Heuristic => ConvAlgorithmSearch::Heuristic,
            ConvSearch::Exhaustive => ConvAlgorithmSearch::Exhaustive,
        };
        // TF32 would round to ten bits: scores must be those that were calibrated.
        let cuda = CUDA::default().with_device_id(number.into()).with_conv_algorithm_search(search).with_tf32(false);
        Some(match config.cuda_memory_limit {
            Some(limit) => cuda.with_memory_limit(limit),
            None => cuda,
        })
    }

    /// The commit that the library was built from, as it says itself.
    #[must_use]
    pub fn commit(&self) -> &'static str {
        ort::info().split(", ").find_map(|part| Some(part.split_once("git-commit-id=")?.1)).unwrap_or("unknown")
    }

    /// The library in use.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn locate(explicit: Option<&Path>) -> Result<PathBuf, RuntimeError> {
    if let Some(path) = explicit {
        let found = path.is_file().then(|| path.to_owned());
        return found.ok_or_else(|| RuntimeError::NotFound { looked_in: path.display().to_string() });
    }
    let folders = folders(std::env::current_exe().ok().as_deref());
    folders.iter().map(|folder| folder.join(LIBRARY)).find(|path| path.is_file()).ok_or_else(|| {
        RuntimeError::NotFound {
            looked_in: folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", "),
        }
    })
}

/// Where the library may lie: in the checkout that the executable was built in, beside the executable, where distributions put
/// it. Never in the current folder: who scores a folder of strangers' files must not run a library that lies among them.
fn folders(executable: Option<&Path>) -> Vec<PathBuf> {
    let beside = executable.and_then(Path::parent);
    // The executable of a checkout lies in target/<profile>/, that of a test in target/<profile>/deps/.
    let target = beside.and_then(|folder| folder.ancestors().take(3).find(|up| up.ends_with("target")));
    let checkout = target.and_then(Path::parent).map(|checkout| checkout.join(PROJECT_FOLDER));
    let own = beside.into_iter().flat_map(|folder| [folder.join(PROJECT_FOLDER), folder.to_owned()]);
    checkout.into_iter().chain(own).chain(SYSTEM_FOLDERS.iter().map(PathBuf::from)).collect()
}

/// One branch model, ready to run. A session runs one batch at a time; run several sessions for parallelism.
pub struct BranchSession {
    metric: String,
    view: &'static View,
    session: Session,
    input: String,
    /// Labels that a model of labels tells apart; 0 of another.
    labels: usize,
    second_look: Option<SecondLook>,
}

impl BranchSession {
    /// Loads a verified model with a number of intra-op threads.
    ///
    /// # Errors
    /// [`RuntimeError::Model`] when ONNX Runtime refuses the model.
    pub fn of(runtime: &Runtime, model: &VerifiedModel, intra_threads: usize) -> Result<Self, RuntimeError> {
        let session = Self::new(runtime, model.card.metric.name.as_str(), model.view, &model.onnx, intra_threads)?;
        let labels = model.card.labels.as_ref().map_or(0, |labels| labels.names.len());
        Ok(Self { labels, second_look: model.card.second_look, ..session })
    }

    /// Loads a model that has no card yet: what it measures, and what it looks at, is said here. It tells no labels apart, and looks once.
    ///
    /// # Errors
    /// [`RuntimeError::Model`] when ONNX Runtime refuses the model.
    pub fn new(
        runtime: &Runtime,
        metric: &str,
        view: &'static View,
        onnx: &[u8],
        intra_threads: usize,
    ) -> Result<Self, RuntimeError> {
        let model_error = |reason: String| RuntimeError::Model { metric: metric.to_owned(), reason };
        let session = Session::builder(&runtime.environment)
            .and_then(|builder| Ok(builder.with_optimization_level(GraphOptimizationLevel::Level3)?))
            .and_then(|builder| Ok(builder.with_intra_threads(intra_threads)?))
            // Scores must not depend on how work was split.
            .and_then(|builder| Ok(builder.with_deterministic_compute(true)?))
            // Without error_on_failure a provider that cannot be used is silently replaced by the CPU.
            .and_then(|builder| match runtime.cuda() {
                Some(cuda) => Ok(builder.with_execution_providers([cuda.build().error_on_failure()])?),
                None => Ok(builder),
            })
            .and_then(|mut builder| builder.commit_from_memory(onnx))
            .map_err(|error| model_error(error.to_string()))?;
        let input = session.inputs().first().map(|input| input.name().to_owned());
        let input = input.ok_or_else(|| model_error("it has no input".into()))?;
        Ok(Self { metric: metric.to_owned(), view, session, input, labels: 0, second_look: None })
    }

    /// The session with photos looked at twice as a card is going to state it.
    #[must_use]
    pub fn looking_twice(self, second_look: Option<SecondLook>) -> Self {
        Self { second_look, ..self }
    }

    /// Name of the metric that this session scores.
    #[must_use]
    pub fn metric(&self) -> &str {
        &self.metric
    }

    /// What the model looks at.
    #[must_use]
    pub fn view(&self) -> &'static View {
        self.view
    }

    /// Runs every batch size up to `max_batch` once: memory is planned then, not when the first photos come.
    ///
    /// # Errors
    /// [`RuntimeError::Run`] when the model cannot run.
    pub fn warm_up(&mut self, max_batch: usize) -> Result<(), RuntimeError> {
        let gray = vec![0.5; self.view.len()];
        (1..=max_batch).try_for_each(|size| self.run(&vec![gray.as_slice(); size]).map(|_| ()))
    }

    /// Runs a batch of tensors, each of [`View::shape`]; one output per tensor in the same order.
    ///
    /// # Errors
    /// [`RuntimeError::Run`] when a tensor has the wrong length or ONNX Runtime fails.
    pub fn run(&mut self, tensors: &[&[f32]]) -> Result<Vec<Output>, RuntimeError> {
        let mut outputs = self.look(tensors)?;
        let Some(second_look) = self.second_look else { return Ok(outputs) };
        let again = |(index, first): (usize, &Output)| {
            let turn = second_look.turn(first.scalar())?;
            Some((index, turn, self.view.turned(tensors[index], turn)?))
        };
        let again: Vec<(usize, f32, Vec<f32>)> = outputs.iter().enumerate().filter_map(again).collect();
        if again.is_empty() {
            return Ok(outputs);
        }
        let turned: Vec<&[f32]> = again.iter().map(|(_, _, tensor)| tensor.as_slice()).collect();
        for ((index, turn, _), second) in again.iter().zip(self.look(&turned)?) {
            let joined = second_look.joined(outputs[*index].scalar(), second.scalar(), *turn);
            outputs[*index] = Output::Scalar(joined);
        }
        Ok(outputs)
    }

    /// The same, each looked at once.
    fn look(&mut self, tensors: &[&[f32]]) -> Result<Vec<Output>, RuntimeError> {
        let metric = &self.metric;
        let run_error = |reason: String| RuntimeError::Run { metric: metric.clone(), reason };
        let [channels, height, width] = self.view.shape;
        let wanted = self.view.len();
        let mut batch = Vec::with_capacity(tensors.len() * wanted);
        for tensor in tensors {
            if tensor.len() != wanted {
                return Err(run_error(format!("a tensor of {} values came, {wanted} are needed", tensor.len())));
            }
            batch.extend_from_slice(tensor);
        }
        let shape = [tensors.len(), channels, height, width];
        let input =
            TensorRef::from_array_view((shape, batch.as_slice())).map_err(|error| run_error(error.to_string()))?;
        let outputs = self
            .session
            .run(ort::inputs![self.input.as_str() => input])
            .map_err(|error| run_error(error.to_string()))?;
        let (_, values) = outputs[0].try_extract_tensor::<f32>().map_err(|error| run_error(error.to_string()))?;
        let each = (values.len() / tensors.len().max(1)).max(1);
        let outputs: Option<Vec<Output>> = values.chunks(each).map(|values| Output::of(values, self.labels)).collect();
        outputs
            .filter(|outputs| outputs.len() == tensors.len())
            .ok_or_else(|| run_error(format!("{} outputs came for a batch of {}", values.len(), tensors.len())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_looked_for_where_the_executable_came_from_and_not_where_it_is_run() {
        let own = |executable: &str| {
            let folders = folders(Some(Path::new(executable)));
            let own = folders.len() - SYSTEM_FOLDERS.len();
            folders[..own].iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>()
        };
        let checkout = "/home/me/clearshot/.onnxruntime";
        assert_eq!(own("/home/me/clearshot/target/release/clearshot")[0], checkout);
        assert_eq!(own("/home/me/clearshot/target/release/deps/score-1a2b")[0], checkout);
        assert_eq!(own("/tmp/mine/clearshot"), ["/tmp/mine/.onnxruntime", "/tmp/mine"]);
        assert!(folders(None).iter().all(|folder| folder.is_absolute()));
    }

    #[test]
    fn a_process_loads_the_library_once_however_often_and_from_wherever_it_is_asked() {
        let loaded = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| Runtime::load(None))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect::<Vec<_>>()
        });
        let paths: Vec<_> = loaded.into_iter().map(|runtime| runtime.expect("it is set up").path).collect();
        assert!(paths.iter().all(|path| *path == paths[0]));
        let folder = tempfile::tempdir().expect("a folder");
        let other = folder.path().join(LIBRARY);
        std::fs::write(&other, "another one").expect("it is written");
        let refused = Runtime::load(Some(&other)).map(|runtime| runtime.path).expect_err("it is another").to_string();
        assert!(refused.contains(&*paths[0].to_string_lossy()), "{refused}");
    }
}
