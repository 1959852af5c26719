/** Where a node is drawn. */
export interface Place {
  readonly x: number;
  readonly y: number;
  /** On which side of the dot its name stands. */
  readonly anchor: "start" | "middle" | "end";
}

/** Half of the drawing's width and height, in units of its view box. */
export const halfWidth = 160;
export const halfHeight = 110;
const RADIUS_X = 88;
const RADIUS_Y = 84;

/** Nodes on an ellipse, clockwise from the top, so that no line runs through a third node. */
export function placesOf(nodes: number): Place[] {
  return Array.from({ length: nodes }, (_, index) => {
    const angle = (index / Math.max(nodes, 1)) * 2 * Math.PI - Math.PI / 2;
    const x = RADIUS_X * Math.cos(angle);
    const y = RADIUS_Y * Math.sin(angle);
    return { x: round(x), y: round(y), anchor: x > 10 ? "start" : x < -10 ? "end" : "middle" };
  });
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
