// What the clients' features have in common.
import assert from "node:assert/strict";

/** A value that the schema "number" allows. */
export function isNumber(value) {
  assert.ok(Number.isInteger(value.n) && value.n >= 0 && value.n <= 99, JSON.stringify(value));
}

/** Arguments that the schema of "weather" allows. */
export function isWeather(args) {
  assert.deepEqual(Object.keys(args), ["unit"]);
  assert.ok(["c", "f"].includes(args.unit), JSON.stringify(args));
}

/** The error of a call, as the client describes it. */
export async function refused(call, describe, expected) {
  let error;
  try {
    await call();
  } catch (thrown) {
    error = thrown;
  }
  assert.ok(error, "it was not refused");
  assert.equal(describe(error), expected);
}

/** Reads a stream and breaks it off after three parts; a client may end it or throw. Returns how many parts came. */
export async function brokenOff(stream, abort) {
  let parts = 0;
  try {
    for await (const part of stream) {
      if (part !== undefined && ++parts === 3) abort();
    }
  } catch (error) {
    assert.match(`${error.name} ${error.constructor.name} ${error.message}`, /abort/i);
  }
  assert.ok(parts >= 3 && parts < 100, `${parts} parts came`);
}
