/** The part of a browser's context, as Playwright has it, that is needed here. */
interface Context {
  addInitScript(script: string): Promise<unknown>;
}

/** Makes the clock of all pages that open from now on wrong by this much, before their first line runs. */
export async function shiftClock(context: Context, aheadMs: number): Promise<void> {
  await context.addInitScript(`{
    const Right = Date;
    globalThis.Date = class Date extends Right {
      constructor(...given) {
        if (given.length === 0) super(Right.now() + ${aheadMs});
        else super(...given);
      }
      static now() {
        return Right.now() + ${aheadMs};
      }
    };
  }`);
}
