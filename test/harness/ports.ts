// Host ports for meshes in tests: each test file has a range of its own, moved by RIG_TEST_PORT_OFFSET so that two checkouts
// may be tested at once.

const base = Number(process.env['RIG_TEST_PORT_OFFSET'] ?? 0);

/** A `--port-offset` for the mesh of one test file; `slot` from 1 to 50, one for each file. */
export const portOffset = (slot: number): number => 10_000 + base + slot * 7;
