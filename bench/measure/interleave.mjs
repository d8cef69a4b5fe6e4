/**
 * Runs all contenders round after round, each round beginning with another one, so that neighbours stay neighbours and
 * none is always the first.
 *
 * Who ran while another process waited, or the other way around, runs once unmeasured first: a processor that was idle for 0.2 s
 * took 15–25 % longer for the next 0.1 s.
 *
 * @param contenders Each `{ name, every, measure }`: `measure()` answers milliseconds; it is run in each `every`th round. Those with
 * `isElsewhere` run in another process.
 * @returns For each name its times, `null` for the rounds it was not run in.
 */
export async function interleave(contenders, rounds) {
  const times = Object.fromEntries(contenders.map(({ name }) => [name, Array.from({ length: rounds }, () => null)]));
  let wasElsewhere = false;
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contenders.length; turn++) {
      const { name, every, measure, isElsewhere = false } = contenders[(turn + round) % contenders.length];
      if (round % every !== 0) continue;
      collectGarbage();
      // One after the other: that is what is measured.
      if (wasElsewhere || isElsewhere) await measure();
      wasElsewhere = isElsewhere;
      times[name][round] = await measure();
    }
  }
  return times;
}

/** What one contender left must not be cleared away on the next one's time. Where the runtime lets us. */
function collectGarbage() {
  globalThis.gc?.();
  globalThis.Bun?.gc(true);
}
