import type { Command, Refusal } from "@sessions/core/internal";

/** The refusals that a test has staged. Each is given to the page once, and to no other device. */
export class StagedRefusals {
  readonly #bySteps: { readonly step: string; readonly refusal: Refusal }[] = [];
  readonly #ofPushes: Refusal[] = [];

  /** Refuses the next submission of a step that would be accepted. */
  addOfStep(step: string, refusal: Refusal): void {
    this.#bySteps.push({ step, refusal });
  }

  /** Refuses all commands of the next push. */
  addOfPush(refusal: Refusal): void {
    this.#ofPushes.push(refusal);
  }

  takeFor(command: Command): Refusal | undefined {
    const at = command.kind === "submit" ? this.#bySteps.findIndex(({ step }) => step === command.step) : -1;
    return at < 0 ? undefined : this.#bySteps.splice(at, 1)[0]!.refusal;
  }

  takeForPush(): Refusal | undefined {
    return this.#ofPushes.shift();
  }
}
