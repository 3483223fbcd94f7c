//! From the bytes of a photo to calibrated scores and a verdict.
//!
//! A photo's way: [`ingest`] (decode behind limits) -> [`area`] (the photo without frames) -> [`view`] (what the models see) -> [`session`] (ONNX Runtime) ->
//! [`scoring`] (calibrate, judge). [`assessment`] holds the steps before and after the models and what is said of a photo,
//! [`models`] the set of models of a folder, [`load`] everything that scoring needs at the start, [`scorer`] the whole way
//! without queues. Server, bulk scoring and trainer share this crate, so that a photo means the same to each; nothing here
//! knows HTTP, and nothing is asynchronous.

pub mod area;
pub mod assessment;
pub mod batch;
pub mod checks;
pub mod digest;
pub mod duplicates;
pub mod guard;
pub mod ingest;
pub mod load;
pub mod metric;
pub mod models;
pub mod name;
pub mod platform;
pub mod privacy;
pub mod rounding;
pub mod scene_hash;
pub mod scorer;
pub mod scoring;
pub mod session;
pub mod thumbnail;
pub mod turn;
pub mod view;
