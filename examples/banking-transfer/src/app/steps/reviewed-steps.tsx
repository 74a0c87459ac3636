import { Link } from "../elements/navigation.tsx";
import { Facts, factsOf } from "../transfer/facts.tsx";
import { stepNames, type ActiveTransfer } from "../transfer/wording.ts";

interface ReviewedStepsProps {
  readonly state: ActiveTransfer;
  /** The names of the steps that another device has just changed. */
  readonly changed?: readonly string[];
}

/** What was entered in each step, with a link to change it. */
export function ReviewedSteps({ state, changed = [] }: ReviewedStepsProps) {
  const { progress, data } = state;
  return progress.path.map(
    (step) =>
      step !== "review" && (
        <section
          key={step}
          className="reviewed"
          aria-label={stepNames[step]}
          data-changed={changed.includes(stepNames[step])}
        >
          <Facts facts={factsOf(step, data[step])} />
          <Link to={`/transfers/${state.id}/${step}`}>
            Change<span className="hidden"> {stepNames[step].toLowerCase()}</span>
          </Link>
        </section>
      ),
  );
}
