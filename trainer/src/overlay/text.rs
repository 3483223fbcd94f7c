//! Something that looks like writing without a font: letters of random strokes, each a few bars, diagonals and bowls of a pen.
//! What matters to a blur network is what all writing has: thin strokes, sharp edges, a height, a weight and a slant.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::mask::Mask;

/// Points of a stroke in a box one high and [`LETTER`] wide.
type Stroke = Vec<[f32; 2]>;

const LETTER: f32 = 0.6;
/// From the left of one letter to that of the next, in heights.
const ADVANCE: f32 = 0.78;

/// A line of writing.
pub(super) struct Writing {
    /// Height of the letters in pixels.
    pub(super) height: f32,
    letters: Vec<Vec<Stroke>>,
    /// Width of the pen in pixels.
    pen: f32,
    slant: f32,
    /// Angle of the line in radians.
    turn: f32,
    /// Without antialiasing.
    hard: bool,
}

impl Writing {
    /// Words of letters.
    pub(super) fn any(height: f32, rng: &mut ChaCha8Rng) -> Self {
        let count = rng.random_range(3..24);
        let letters = (0..count).map(|_| if rng.random_ratio(1, 7) { Vec::new() } else { letter(rng) }).collect();
        Self {
            height,
            letters,
            pen: (height * rng.random_range(0.07..0.24)).max(1.0),
            slant: if rng.random_bool(0.2) { 0.25 } else { 0.0 },
            turn: 0.0,
            hard: rng.random_bool(0.3),
        }
    }

    /// A date: figures of straight bars, as a display has them, with gaps between day, month and year.
    pub(super) fn digits(height: f32, rng: &mut ChaCha8Rng) -> Self {
        let letters =
            (0..rng.random_range(8..17)).map(|_| if rng.random_ratio(1, 5) { Vec::new() } else { digit(rng) });
        let letters = letters.collect();
        Self { letters, pen: (height * rng.random_range(0.09..0.18)).max(1.0), ..Self::any(height, rng) }
    }

    /// No more than this many letters.
    pub(super) fn shortened(mut self, most: usize) -> Self {
        self.letters.truncate(most);
        self
    }

    /// Rising or falling by an angle in radians.
    pub(super) fn turned(mut self, turn: f32) -> Self {
        self.turn = turn;
        self
    }

    /// Length of the line in pixels.
    pub(super) fn width(&self) -> f32 {
        self.letters.len() as f32 * ADVANCE * self.height
    }

    /// Draws it with the upper left of its first letter at a place.
    pub(super) fn draw(&self, mask: &mut Mask, at: [f32; 2]) {
        let (sin, cos) = self.turn.sin_cos();
        for (index, letter) in self.letters.iter().enumerate() {
            let place = |point: [f32; 2]| {
                let x = (point[0] + self.slant * (1.0 - point[1]) + index as f32 * ADVANCE) * self.height;
                let y = point[1] * self.height;
                [at[0] + x * cos - y * sin, at[1] + x * sin + y * cos]
            };
            for stroke in letter {
                for ends in stroke.windows(2) {
                    mask.stroke([place(ends[0]), place(ends[1])], self.pen, self.hard);
                }
            }
        }
    }
}

/// Two to four strokes: bars, diagonals, bowls.
fn letter(rng: &mut ChaCha8Rng) -> Vec<Stroke> {
    let mut strokes = Vec::new();
    for _ in 0..rng.random_range(2..5) {
        strokes.push(match rng.random_range(0..8) {
            0 | 1 => vec![[0.0, 0.0], [0.0, 1.0]],
            2 => vec![[LETTER, 0.0], [LETTER, 1.0]],
            3 => {
                let y = [0.0, 0.5, 1.0][rng.random_range(0..3)];
                vec![[0.0, y], [LETTER, y]]
            }
            4 => vec![[0.0, 0.0], [LETTER, 1.0]],
            5 => vec![[0.0, 1.0], [LETTER, 0.0]],
            6 => vec![[LETTER / 2.0, 0.0], [LETTER / 2.0, 1.0]],
            _ => bowl(rng),
        });
    }
    strokes
}

/// An arc in the upper half, the lower half or all of the box.
fn bowl(rng: &mut ChaCha8Rng) -> Stroke {
    let (top, bottom) = [(0.0, 0.5), (0.5, 1.0), (0.0, 1.0)][rng.random_range(0..3)];
    let (from, length) = (rng.random_range(0.0..6.3f32), rng.random_range(3.0..6.3f32));
    let point = |index: u8| {
        let (sin, cos) = (from + length * f32::from(index) / 9.0).sin_cos();
        [LETTER / 2.0 * (1.0 + cos), f32::midpoint(top, bottom) + (bottom - top) / 2.0 * sin]
    };
    (0..10).map(point).collect()
}

/// Two to seven bars of a seven-segment display.
fn digit(rng: &mut ChaCha8Rng) -> Vec<Stroke> {
    let bars: [[[f32; 2]; 2]; 7] = [
        [[0.0, 0.0], [LETTER, 0.0]],
        [[0.0, 0.5], [LETTER, 0.5]],
        [[0.0, 1.0], [LETTER, 1.0]],
        [[0.0, 0.0], [0.0, 0.5]],
        [[0.0, 0.5], [0.0, 1.0]],
        [[LETTER, 0.0], [LETTER, 0.5]],
        [[LETTER, 0.5], [LETTER, 1.0]],
    ];
    let kept: Vec<Stroke> = bars.into_iter().filter(|_| rng.random_bool(0.65)).map(Vec::from).collect();
    if kept.len() < 2 { vec![bars[5].to_vec(), bars[6].to_vec()] } else { kept }
}
