import { Link } from "../elements/navigation.tsx";
import { stepNames, type TransferState, type TransferStep } from "../transfer/wording.ts";

/** The steps of this transfer, with links to the open ones. */
export function StepList({ state, shown }: { readonly state: TransferState; readonly shown: TransferStep }) {
  const { id, progress, data } = state;
  return (
    <nav aria-label="Steps">
      <ol className="steps">
        {progress.path.map((step) => {
          const open = progress.open.some((other) => other === step);
          const mark = step === shown ? { "aria-current": "step" as const } : {};
          return (
            <li key={step} data-done={data[step] !== undefined} {...mark}>
              {open && step !== shown ? (
                <Link to={`/transfers/${id}${step === progress.current ? "" : `/${step}`}`}>{stepNames[step]}</Link>
              ) : (
                <span>{stepNames[step]}</span>
              )}
            </li>
          );
        })}
      </ol>
    </nav>
  );
}
