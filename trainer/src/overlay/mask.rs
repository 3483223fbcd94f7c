//! Where an overlay covers the photo: shapes with hard or antialiased edges.

/// Share of each pixel that is covered.
pub(super) struct Mask {
    width: usize,
    height: usize,
    cover: Vec<f32>,
}

impl Mask {
    pub(super) fn new(width: usize, height: usize) -> Self {
        Self { width, height, cover: vec![0.0; width * height] }
    }

    /// From the cover of each pixel, row by row.
    pub(super) fn of(width: usize, cover: Vec<f32>) -> Self {
        Self { width, height: cover.len() / width, cover }
    }

    /// Row by row.
    pub(super) fn cover(&self) -> &[f32] {
        &self.cover
    }

    pub(super) fn invert(&mut self) {
        for cover in &mut self.cover {
            *cover = 1.0 - *cover;
        }
    }

    /// A rectangle, to whole pixels.
    pub(super) fn rectangle(&mut self, from: [f32; 2], to: [f32; 2]) {
        self.fill(from.map(f32::round), to.map(|end| end.round() - 1.0), |_| 1.0);
    }

    /// A rectangle with round corners.
    pub(super) fn rounded(&mut self, from: [f32; 2], to: [f32; 2], radius: f32) {
        let radius = radius.min((to[0] - from[0]) / 2.0).min((to[1] - from[1]) / 2.0).max(0.0);
        self.fill(from, to, |at| {
            let beyond = |axis: usize| (from[axis] + radius - at[axis]).max(at[axis] - to[axis] + radius).max(0.0);
            radius + 0.5 - beyond(0).hypot(beyond(1))
        });
    }

    /// The ellipse within a rectangle.
    pub(super) fn ellipse(&mut self, from: [f32; 2], to: [f32; 2]) {
        let centre = [f32::midpoint(from[0], to[0]), f32::midpoint(from[1], to[1])];
        let radii = [(to[0] - from[0]) / 2.0, (to[1] - from[1]) / 2.0];
        let smaller = radii[0].min(radii[1]);
        self.fill(from, to, |at| {
            let distance = ((at[0] - centre[0]) / radii[0]).hypot((at[1] - centre[1]) / radii[1]);
            (1.0 - distance) * smaller + 0.5
        });
    }

    /// A stroke of a pen with a round tip; `hard` without antialiasing.
    pub(super) fn stroke(&mut self, [from, to]: [[f32; 2]; 2], thickness: f32, hard: bool) {
        let direction = [to[0] - from[0], to[1] - from[1]];
        let square = (direction[0] * direction[0] + direction[1] * direction[1]).max(1e-6);
        let reach = thickness / 2.0 + 1.0;
        let low = [from[0].min(to[0]) - reach, from[1].min(to[1]) - reach];
        let high = [from[0].max(to[0]) + reach, from[1].max(to[1]) + reach];
        self.fill(low, high, |at| {
            let offset = [at[0] - from[0], at[1] - from[1]];
            let along = ((offset[0] * direction[0] + offset[1] * direction[1]) / square).clamp(0.0, 1.0);
            let distance = (offset[0] - along * direction[0]).hypot(offset[1] - along * direction[1]);
            let cover = thickness / 2.0 + 0.5 - distance;
            if hard { cover.clamp(0.0, 1.0).round() } else { cover }
        });
    }

    /// A straight antialiased line, found row by row or column by column: a long slanting stroke would have the whole image tried.
    pub(super) fn line(&mut self, [from, to]: [[f32; 2]; 2], thickness: f32) {
        let along = usize::from((to[1] - from[1]).abs() > (to[0] - from[0]).abs());
        let direction = [to[0] - from[0], to[1] - from[1]];
        // Thickness as it is cut by a row or a column.
        let half = thickness / 2.0 * direction[0].hypot(direction[1]) / direction[along].abs().max(1e-6);
        let sides = [self.width, self.height];
        let (start, end) =
            (from[along].min(to[along]).max(0.0), from[along].max(to[along]).min(sides[along] as f32 - 1.0));
        for step in start.ceil() as usize..(end + 1.0).max(0.0) as usize {
            let middle = from[1 - along] + (step as f32 - from[along]) / direction[along] * direction[1 - along];
            let first = (middle - half).floor().max(0.0) as usize;
            for beside in first..((middle + half + 2.0).max(0.0) as usize).min(sides[1 - along]) {
                let at = if along == 0 { beside * self.width + step } else { step * self.width + beside };
                let cover = (half + 0.5 - (beside as f32 - middle).abs()).clamp(0.0, 1.0);
                self.cover[at] = self.cover[at].max(cover);
            }
        }
    }

    /// The largest of what lies there and of the cover at each pixel of a rectangle.
    fn fill(&mut self, from: [f32; 2], to: [f32; 2], cover: impl Fn([f32; 2]) -> f32) {
        let range = |from: f32, to: f32, side: usize| {
            let start = from.floor().max(0.0) as usize;
            start..((to.ceil() + 1.0).max(0.0) as usize).min(side).max(start)
        };
        let columns = range(from[0], to[0], self.width);
        for y in range(from[1], to[1], self.height) {
            for x in columns.clone() {
                if x < self.width {
                    let here = &mut self.cover[y * self.width + x];
                    *here = here.max(cover([x as f32, y as f32]).clamp(0.0, 1.0));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(draw: impl FnOnce(&mut Mask)) -> f32 {
        let mut mask = Mask::new(100, 100);
        draw(&mut mask);
        mask.cover().iter().sum()
    }

    #[test]
    fn a_line_covers_what_a_stroke_does() {
        for ends in [
            [[10.0, 50.0], [90.0, 50.0]],
            [[50.0, 10.0], [50.0, 90.0]],
            [[12.0, 20.0], [88.0, 70.0]],
            [[70.0, 12.0], [20.0, 88.0]],
        ] {
            for thickness in [2.0, 5.0] {
                let [line, stroke] =
                    [area(|mask| mask.line(ends, thickness)), area(|mask| mask.stroke(ends, thickness, false))];
                let length = (ends[1][0] - ends[0][0]).hypot(ends[1][1] - ends[0][1]);
                for area in [line, stroke] {
                    assert!(
                        (area / (length * thickness) - 1.0).abs() < 0.08,
                        "{ends:?}, {thickness}: {line}, {stroke}"
                    );
                }
            }
        }
        assert!(area(|mask| mask.line([[-30.0, 5.0], [-10.0, 25.0]], 2.0)) == 0.0, "it lies beside the mask");
    }
}
