//! From raw model outputs to calibrated values, intervals, quality and a verdict.

pub mod attempt;
pub mod calibration;
pub mod card;
pub mod coverage;
pub mod distribution;
pub mod label;
pub mod listing;
pub mod no_photo;
pub mod orientation;
pub mod output;
pub mod posterior;
pub mod profile;
pub mod second_look;
pub mod sharpness;
pub mod verdict;
