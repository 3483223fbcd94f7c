//! Areas of colour with writing in them: banners, logos, ribbons, stickers, panes, and insets with a map or a plan.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::text::Writing;
use super::{Sheet, any_colour, readable_on};

impl Sheet<'_> {
    /// A dealer's bar along the upper or lower edge, with a line or two of text in it.
    pub(super) fn banner(&mut self, rng: &mut ChaCha8Rng) {
        let [width, height] = self.size();
        let bar = (rng.random_range(30.0..200.0) * self.scale).min(0.45 * height);
        let top = if rng.random_bool(0.5) { 0.0 } else { height - bar };
        let colour = any_colour(rng);
        let mut mask = self.mask();
        mask.rectangle([0.0, top], [width, top + bar]);
        let opacity = if rng.random_bool(0.75) { 1.0 } else { rng.random_range(0.4..0.9) };
        self.paint(&mask, colour, opacity);
        let lines = if bar > 60.0 * self.scale && rng.random_bool(0.5) { 2 } else { 1 };
        for line in 0..lines {
            let room = bar / lines as f32;
            let writing = Writing::any(room * rng.random_range(0.3..0.75), rng);
            let at = [rng.random_range(-0.1..0.5) * width, top + (line as f32 + 0.5) * room - writing.height / 2.0];
            self.write(&writing, at, readable_on(colour, rng), 1.0, rng);
        }
    }

    /// A shape with a few letters in it, mostly in a corner.
    pub(super) fn logo(&mut self, rng: &mut ChaCha8Rng) {
        let [width, height] = self.size();
        let side = rng.random_range(40.0..170.0) * self.scale;
        let size = [side.min(width), (side * rng.random_range(0.35..1.0)).min(height)];
        let from = self.corner(size, rng);
        let to = [from[0] + size[0], from[1] + size[1]];
        let opacity = if rng.random_bool(0.7) { 1.0 } else { rng.random_range(0.4..0.9) };
        let (colour, mut mask) = (any_colour(rng), self.mask());
        match rng.random_range(0..4) {
            0 => mask.rectangle(from, to),
            1 => mask.rounded(from, to, 0.3 * size[1]),
            2 => mask.ellipse(from, to),
            _ => {}
        }
        self.paint(&mask, colour, opacity);
        let writing = Writing::any(size[1] * rng.random_range(0.3..0.6), rng).shortened(rng.random_range(2..9));
        let at = [from[0] + 0.08 * size[0], from[1] + (size[1] - writing.height) * rng.random_range(0.3..0.7)];
        self.write(&writing, at, readable_on(colour, rng), opacity, rng);
    }

    /// A band across a corner or the whole photo, with large letters along it: sold, reserved, new.
    pub(super) fn ribbon(&mut self, rng: &mut ChaCha8Rng) {
        let size = self.size();
        let thickness = rng.random_range(40.0..180.0) * self.scale;
        let turn = rng.random_range(0.15..1.2f32) * if rng.random_bool(0.5) { 1.0 } else { -1.0 };
        let middle = size.map(|side| rng.random_range(0.1..0.9) * side);
        let (sin, cos) = turn.sin_cos();
        let far = size[0] + size[1];
        let mut mask = self.mask();
        mask.stroke(
            [-1.0, 1.0].map(|way| way * far).map(|along| [middle[0] + along * cos, middle[1] + along * sin]),
            thickness,
            false,
        );
        let colour = any_colour(rng);
        let opacity = if rng.random_bool(0.7) { 1.0 } else { rng.random_range(0.4..0.9) };
        self.paint(&mask, colour, opacity);
        let writing = Writing::any(thickness * rng.random_range(0.4..0.75), rng).turned(turn);
        let back = [rng.random_range(0.2..0.8) * writing.width(), writing.height / 2.0];
        let at = [middle[0] - back[0] * cos + back[1] * sin, middle[1] - back[0] * sin - back[1] * cos];
        self.write(&writing, at, readable_on(colour, rng), 1.0, rng);
    }

    /// A round price tag or a star burst.
    pub(super) fn sticker(&mut self, rng: &mut ChaCha8Rng) {
        let radius = rng.random_range(40.0..190.0) * self.scale;
        let [left, top] = self.corner([2.0 * radius; 2], rng);
        let centre = [left + radius, top + radius];
        let mut mask = self.mask();
        let inner = if rng.random_bool(0.5) { 1.0 } else { rng.random_range(0.7..0.9) };
        mask.ellipse(centre.map(|at| at - inner * radius), centre.map(|at| at + inner * radius));
        let points = if inner < 1.0 { rng.random_range(8..24) } else { 0 };
        for point in 0..points {
            let (sin, cos) = (std::f32::consts::TAU * point as f32 / points as f32).sin_cos();
            mask.stroke([centre, [centre[0] + radius * cos, centre[1] + radius * sin]], 0.12 * radius, false);
        }
        let colour = any_colour(rng);
        self.paint(&mask, colour, 1.0);
        let writing = Writing::any(radius * rng.random_range(0.2..0.6), rng).shortened(rng.random_range(2..7));
        let writing = writing.turned(if rng.random_bool(0.5) { 0.0 } else { rng.random_range(-0.5..0.5) });
        let at = [centre[0] - writing.width().min(1.6 * radius) / 2.0, centre[1] - writing.height / 2.0];
        self.write(&writing, at, readable_on(colour, rng), 1.0, rng);
    }

    /// Lines of text on a pane that lets something of the photo through.
    pub(super) fn pane(&mut self, rng: &mut ChaCha8Rng) {
        let size = self.size();
        let pane = size.map(|side| rng.random_range(0.3..0.75) * side);
        let from = self.corner(pane, rng);
        let colour = if rng.random_bool(0.5) { [0; 3] } else { any_colour(rng) };
        let mut mask = self.mask();
        mask.rectangle(from, [from[0] + pane[0], from[1] + pane[1]]);
        self.paint(&mask, colour, rng.random_range(0.3..1.0));
        let letters = rng.random_range(12.0..36.0) * self.scale;
        let lines = ((pane[1] / (1.7 * letters)) as u32).min(rng.random_range(2..9));
        let readable = readable_on(colour, rng);
        for line in 0..lines {
            let writing = Writing::any(letters, rng);
            self.write(
                &writing,
                [from[0] + letters, from[1] + (1.7 * line as f32 + 0.6) * letters],
                readable,
                1.0,
                rng,
            );
        }
    }

    /// A map or a plan in a corner: plain areas and lines at all angles on a light ground.
    pub(super) fn inset(&mut self, rng: &mut ChaCha8Rng) {
        let size = self.size();
        let inset = size.map(|side| rng.random_range(0.18..0.42) * side);
        let from = self.corner(inset, rng);
        let to = [from[0] + inset[0], from[1] + inset[1]];
        let mut within = self.mask();
        within.rectangle(from, to);
        let ground = if rng.random_bool(0.6) { [rng.random_range(225..=255); 3] } else { any_colour(rng) };
        self.paint(&within, ground, 1.0);
        let anywhere = |rng: &mut ChaCha8Rng| [0, 1].map(|axis| from[axis] + rng.random_range(0.0..1.0) * inset[axis]);
        for _ in 0..rng.random_range(0..5) {
            let (a, b) = (anywhere(rng), anywhere(rng));
            let mut area = self.mask();
            let [low, high] = [f32::min, f32::max].map(|of: fn(f32, f32) -> f32| [of(a[0], b[0]), of(a[1], b[1])]);
            if rng.random_bool(0.5) {
                area.rectangle(low, high);
            } else {
                area.ellipse(low, high);
            }
            self.paint(&area, any_colour(rng), rng.random_range(0.3..1.0));
        }
        for _ in 0..rng.random_range(3..16) {
            let (mut lines, a, b) = (self.mask(), anywhere(rng), anywhere(rng));
            // Walls of plans are level and upright, streets of maps lie anyhow.
            let b = [b, [a[0], b[1]], [b[0], a[1]]][rng.random_range(0..3)];
            lines.stroke([a, b], rng.random_range(1.0..9.0) * self.scale, false);
            self.paint(&lines, any_colour(rng), 1.0);
        }
        if rng.random_bool(0.5) {
            let mut frame = self.mask();
            let corners = [from, [to[0], from[1]], to, [from[0], to[1]], from];
            for ends in corners.windows(2) {
                frame.stroke([ends[0], ends[1]], rng.random_range(1.0..8.0) * self.scale, true);
            }
            self.paint(&frame, any_colour(rng), 1.0);
        }
    }
}
