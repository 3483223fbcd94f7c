//! From raw model outputs to calibrated values, intervals, quality and a verdict.

pub mod calibration;
pub mod card;
pub mod listing;
pub mod no_photo;
pub mod orientation;
pub mod profile;
pub mod sharpness;
pub mod verdict;
