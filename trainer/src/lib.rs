//! Trains Clearshot's branch models without labels: photos are degraded by known magnitudes, a Siamese network learns to
//! rank them, and calibration on other photos turns its output into physical units with intervals.
//!
//! Way of the data: [`photos`] -> [`transform`] -> [`upload`] -> [`generator`] -> [`model`] + [`siamese`] -> [`train`] ->
//! [`export`] -> [`calibrate`] -> [`evaluate`]. [`head`] teaches a trained encoder labels of an operator's own.

pub mod baseline;
pub mod calibrate;
pub mod category;
pub mod chart;
pub mod encoder;
pub mod evaluate;
pub mod export;
pub mod generator;
pub mod head;
pub mod level;
pub mod measure;
pub mod model;
pub mod noise;
pub mod overlay;
pub mod photos;
pub mod raster;
pub mod reference;
pub mod reliability;
pub mod report;
pub mod run;
mod share;
pub mod siamese;
pub mod temperature;
pub mod train;
pub mod transform;
pub mod turn;
pub mod upload;
