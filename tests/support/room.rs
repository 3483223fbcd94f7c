//! A rendered room: upright, sharp, well exposed, different for every seed. It stands in for interior photos, which may
//! not be redistributed.

use image::{Rgb, RgbImage};

/// Renders a room by casting a ray through each pixel, four to a pixel.
pub fn room(width: u32, height: u32, seed: u32) -> RgbImage {
    let room = Room::new(seed);
    let focal = 0.9 * f64::from(width);
    RgbImage::from_fn(width, height, |x, y| {
        let mut sum = [0.0; 3];
        for (dx, dy) in [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)] {
            let right = (f64::from(x) + dx - f64::from(width) / 2.0) / focal;
            let down = (f64::from(y) + dy - f64::from(height) / 2.0) / focal;
            let colour = room.colour([right, -down, 1.0]);
            for channel in 0..3 {
                sum[channel] += colour[channel] / 4.0;
            }
        }
        let grain = 6.0 * (hash(&[x.into(), y.into(), seed.into()]) - 0.5);
        Rgb(sum.map(|channel| (channel * 255.0 + grain).clamp(0.0, 255.0) as u8))
    })
}

struct Room {
    seed: i64,
    half_width: f64,
    height: f64,
    depth: f64,
    eye: [f64; 2],
    wall: [f64; 3],
    floor: [f64; 3],
    window: [f64; 4],
    plank: f64,
}

impl Room {
    fn new(seed: u32) -> Self {
        let any = |salt: i64, low: f64, high: f64| low + (high - low) * hash(&[i64::from(seed), salt]);
        Self {
            seed: seed.into(),
            half_width: any(1, 1.7, 2.6),
            height: any(2, 2.4, 3.0),
            depth: any(3, 3.2, 5.0),
            eye: [any(4, -0.7, 0.7), any(5, 1.1, 1.6)],
            wall: [any(6, 0.65, 0.85), any(7, 0.65, 0.82), any(8, 0.6, 0.8)],
            floor: [any(9, 0.4, 0.6), any(10, 0.28, 0.4), any(11, 0.16, 0.28)],
            window: [any(12, -1.2, -0.2), any(13, 0.8, 1.1), any(14, 1.0, 1.6), any(15, 0.9, 1.2)],
            plank: any(16, 0.12, 0.22),
        }
    }

    /// Colour seen along a ray from the eye; x to the right, y up, z ahead.
    fn colour(&self, ray: [f64; 3]) -> [f64; 3] {
        let [eye_x, eye_y] = self.eye;
        let to = |from: f64, slope: f64, low: f64, high: f64| {
            if slope > 0.0 {
                (high - from) / slope
            } else if slope < 0.0 {
                (low - from) / slope
            } else {
                f64::INFINITY
            }
        };
        let side = to(eye_x, ray[0], -self.half_width, self.half_width);
        let level = to(eye_y, ray[1], 0.0, self.height);
        let back = self.depth / ray[2];
        let distance = side.min(level).min(back);
        let [x, y, z] = [eye_x + distance * ray[0], eye_y + distance * ray[1], distance * ray[2]];
        let colour = if distance == back {
            self.back_wall(x, y)
        } else if distance == side {
            if ray[0] > 0.0 { self.shelves(z, y) } else { self.door_wall(z, y) }
        } else if ray[1] < 0.0 {
            self.planks(x, z)
        } else {
            [0.88; 3]
        };
        // Darker into the corners and away from the window.
        let corner = |gap: f64| 1.0 - 0.25 * (-gap / 0.35).exp();
        let shade = corner(self.half_width - x.abs()) * corner(self.height - y) * corner(y) * corner(self.depth - z);
        let daylight = 0.75 + 0.35 * (-((x - self.window[0]).abs() / 3.0)).exp();
        colour.map(|channel| channel * shade * daylight)
    }

    fn back_wall(&self, x: f64, y: f64) -> [f64; 3] {
        let [left, bottom, width, height] = self.window;
        let (u, v) = ((x - left) / width, (y - bottom) / height);
        if within(u, -0.06, 1.06) && within(v, -0.06, 1.06) {
            let pane = |w: f64, count: f64| (w * count).rem_euclid(1.0);
            let frame = !within(u, 0.0, 1.0) || !within(v, 0.0, 1.0) || pane(u, 3.0) < 0.08 || pane(v, 2.0) < 0.07;
            let sky = [0.72 + 0.15 * v, 0.82 + 0.08 * v, 0.95];
            let hedge = v < 0.3 + 0.06 * (u * 37.0).sin() * (u * 91.0).cos();
            return if frame {
                [0.93; 3]
            } else if hedge {
                [0.3, 0.45, 0.25]
            } else {
                sky
            };
        }
        let (u, v) = ((x - left - width - 0.35) / 0.5, (y - 1.2) / 0.65);
        if within(u, 0.0, 1.0) && within(v, 0.0, 1.0) {
            let inside = within(u, 0.1, 0.9) && within(v, 0.1, 0.9);
            let blot = hash(&[(u * 9.0) as i64, (v * 9.0) as i64, self.seed]);
            return if inside { [blot, 0.5 + 0.3 * blot, 1.0 - blot] } else { [0.15, 0.1, 0.08] };
        }
        self.plain_wall(x, y)
    }

    fn plain_wall(&self, along: f64, y: f64) -> [f64; 3] {
        if y < 0.12 {
            return if y > 0.105 { [0.7; 3] } else { [0.9; 3] };
        }
        let plaster = 0.03 * (hash(&[(along * 160.0) as i64, (y * 160.0) as i64, self.seed]) - 0.5);
        self.wall.map(|channel| channel + plaster)
    }

    fn door_wall(&self, z: f64, y: f64) -> [f64; 3] {
        let (u, v) = ((z - self.depth * 0.5) / 0.9, y / 2.05);
        if !within(u, -0.08, 1.08) || v > 1.04 {
            return self.plain_wall(z, y);
        }
        if !within(u, 0.0, 1.0) || v > 1.0 {
            return [0.94; 3];
        }
        let panel = within(u.rem_euclid(0.5), 0.1, 0.4) && within(v.rem_euclid(0.33), 0.06, 0.28);
        let knob = ((u - 0.08) * 0.9).hypot((v - 0.48) * 2.05) < 0.03;
        if knob {
            [0.75, 0.6, 0.25]
        } else if panel {
            [0.5, 0.33, 0.2]
        } else {
            [0.58, 0.4, 0.26]
        }
    }

    fn shelves(&self, z: f64, y: f64) -> [f64; 3] {
        if !within(z, self.depth * 0.35, self.depth * 0.9) || y > 2.0 {
            return self.plain_wall(z, y);
        }
        let row = (y / 0.4).floor();
        if y.rem_euclid(0.4) < 0.03 || (z * 1.25).rem_euclid(1.0) < 0.03 {
            return [0.36, 0.24, 0.14];
        }
        let book = (z / 0.05).floor();
        let pick = |salt: i64| hash(&[book as i64, row as i64, salt, self.seed]);
        if y.rem_euclid(0.4) > 0.2 + 0.16 * pick(1) || z.rem_euclid(0.05) < 0.004 {
            return [0.1; 3];
        }
        [0.2 + 0.7 * pick(2), 0.2 + 0.6 * pick(3), 0.2 + 0.6 * pick(4)]
    }

    fn planks(&self, x: f64, z: f64) -> [f64; 3] {
        let plank = (x / self.plank).floor();
        let offset = hash(&[plank as i64, self.seed]);
        let board = (z / 1.1 + offset).floor();
        let gap = x.rem_euclid(self.plank) < 0.006 || (z / 1.1 + offset).rem_euclid(1.0) < 0.006;
        let tone = 0.8 + 0.4 * hash(&[plank as i64, board as i64, self.seed]);
        let grain = 0.9 + 0.2 * hash(&[(x * 300.0) as i64, (z * 12.0) as i64, self.seed]);
        self.floor.map(|channel| if gap { 0.12 } else { channel * tone * grain })
    }
}

fn within(value: f64, low: f64, high: f64) -> bool {
    (low..=high).contains(&value)
}

/// A number in 0..1 that looks random (`SplitMix64`, Steele et al. 2014).
fn hash(keys: &[i64]) -> f64 {
    let mixed = keys.iter().fold(0x9e37_79b9_7f4a_7c15_u64, |state, &key| {
        let mut z = state.wrapping_add(key.cast_unsigned()).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    });
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}
