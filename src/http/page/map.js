// What is drawn over a photo: its area within a frame, and where it is blurred.

// Where the photo is within its frame, if it has one.
export function drawArea(outline, { left, top, width, height }) {
  for (const [side, share] of Object.entries({ left, top, width, height })) outline.style[side] = `${100 * share}%`;
}

export const hasFrame = ({ width, height }) => width < 1 || height < 1;

// The blur of each tile in pixels of the reference view: the more blurred, the more orange; the less a tile tells, the fainter.
export function drawMap(canvas, { columns, rows, tiles }, area) {
  const sharpness = window.devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  [canvas.width, canvas.height] = [width * sharpness, height * sharpness];
  const context = canvas.getContext("2d");
  context.scale(sharpness, sharpness);
  const heaviest = Math.max(...tiles.map(({ weight }) => weight));
  // Neighbouring tiles may overlap; each is drawn in its cell of the grid.
  const [w, h] = [(area.width * width) / columns, (area.height * height) / rows];
  context.font = `bold ${Math.min(13, w / 2.6)}px system-ui, sans-serif`;
  context.lineWidth = 3;
  context.lineJoin = "round";
  tiles.forEach(({ sigma, weight }, index) => {
    const [x, y] = [area.left * width + (index % columns) * w, area.top * height + Math.floor(index / columns) * h];
    context.globalAlpha = 0.15 + 0.5 * (weight / heaviest);
    context.fillStyle = `hsl(${140 - 120 * Math.min(sigma / 4, 1)} 80% 45%)`;
    context.fillRect(x + 1, y + 1, w - 2, h - 2);
    context.globalAlpha = 1;
    context.fillStyle = "#fff";
    context.strokeText(sigma.toFixed(1), x + 5, y + 17);
    context.fillText(sigma.toFixed(1), x + 5, y + 17);
  });
}

// The same in words, for those who do not see it.
export function mapInWords({ columns, rows, tiles }) {
  const most = tiles.reduce((worst, tile, index) => (tile.sigma > tiles[worst].sigma ? index : worst), 0);
  const [row, column] = [Math.floor(most / columns) + 1, (most % columns) + 1];
  const sigmas = tiles.map(({ sigma }) => sigma);
  return `${columns} by ${rows} tiles, blurred by ${Math.min(...sigmas).toFixed(1)} to ${Math.max(...sigmas).toFixed(1)} px; most in row ${row}, column ${column}.`;
}
