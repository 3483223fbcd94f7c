//! A photo that lies on its side or stands on its head although its file says nothing of it: its EXIF orientation was lost.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a scene appears to be turned, by whole right angles.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Orientation {
    /// Degrees by which the scene appears turned clockwise: 0, 90, 180 or 270.
    #[schema(example = 90)]
    pub turn: u16,
    /// Probability that it is turned so.
    #[schema(example = 0.98, minimum = 0, maximum = 1)]
    pub probability: f32,
}

/// Code of the reason for a photo on its side.
pub const SIDEWAYS: &str = "sideways";
/// Code of the reason for a photo on its head.
pub const UPSIDE_DOWN: &str = "upside_down";

/// Probability below which a turn is no reason: the scene rather stands another way.
const POSSIBLE: f32 = 0.5;

impl Orientation {
    /// What is wrong with the photo, if something is; with the turn's own probability.
    #[must_use]
    pub fn fault(self) -> Option<&'static str> {
        let code = match self.turn {
            0 => return None,
            180 => UPSIDE_DOWN,
            _ => SIDEWAYS,
        };
        (self.probability >= POSSIBLE).then_some(code)
    }

    /// What to do about it.
    #[must_use]
    pub fn advice(self) -> String {
        match self.turn {
            90 => "Turn the photo by 90 degrees counterclockwise.".to_owned(),
            270 => "Turn the photo by 90 degrees clockwise.".to_owned(),
            turn => format!("Turn the photo by {turn} degrees."),
        }
    }
}
