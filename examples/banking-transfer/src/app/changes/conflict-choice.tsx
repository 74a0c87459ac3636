import type { Conflict, FieldConflict } from "@sessions/client";
import { useRef, useState } from "react";
import type { Transfer } from "../../flow.ts";
import { inReadingOrder, labelOf, textOf } from "../transfer/facts.tsx";
import { plainText } from "../text/plain-text.ts";
import { navigate } from "../elements/navigation.tsx";
import type { Fields } from "../transfer/wording.ts";

type Side = "mine" | "theirs";

/** Shows both values of each field in which two devices differ. The person chooses field by field. */
export function ConflictChoice(props: {
  readonly transfer: string;
  readonly conflict: Conflict<Transfer>;
  /** The device that submitted the current values. */
  readonly from: string | undefined;
  /** The current values that are typed and not submitted. */
  readonly typed: Fields;
}) {
  const { transfer, conflict, from, typed } = props;
  // Each step has its own fields. All are shown in the same way.
  const fields = inReadingOrder(Object.entries(conflict.fields as Readonly<Record<string, FieldConflict>>));
  const [chosen, setChosen] = useState<Readonly<Record<string, Side>>>({});
  const [pressed, setPressed] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const missing = fields.map(([field]) => field).filter((field) => chosen[field] === undefined);
  const mine = fields.filter(([field]) => chosen[field] === "mine");
  const titleOf = (field: string, side: Side) => {
    if (side === "mine") return conflict.kind === "draft" ? "What you typed here" : "Here, not saved";
    if (Object.hasOwn(typed, field)) return "Typed on another device";
    return from ? `Saved on ${plainText(from)}` : "As it stands";
  };

  function decide() {
    const [first] = missing;
    if (first !== undefined) {
      setPressed(true);
      form.current?.querySelector<HTMLInputElement>(`input[name="${nameOf(conflict, first)}"]`)?.focus();
      return;
    }
    if (mine.length === 0) void conflict.takeTheirs();
    else if (mine.length === fields.length) void conflict.keepMine();
    else mergeInto(conflict, mine);
    // A chosen draft is in its form again. The person goes on there.
    if (conflict.kind === "draft" && mine.length > 0) navigate(`/transfers/${transfer}/${conflict.step}`);
  }

  return (
    <form
      ref={form}
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        decide();
      }}
    >
      {fields.map(([field, values]) => (
        <fieldset key={field} className="versions" aria-describedby={`${nameOf(conflict, field)}-issue`}>
          <legend>{labelOf(field)}</legend>
          {(["theirs", "mine"] as const).map((side) => (
            <label key={side}>
              <input
                type="radio"
                name={nameOf(conflict, field)}
                checked={chosen[field] === side}
                onChange={() => setChosen({ ...chosen, [field]: side })}
              />
              <span>
                <small>{titleOf(field, side)}</small>
                <b>{textOf(field, values[side]) || "Nothing"}</b>
              </span>
            </label>
          ))}
          <span className="issue" id={`${nameOf(conflict, field)}-issue`}>
            {pressed && missing.includes(field) && "Choose one of the two."}
          </span>
        </fieldset>
      ))}
      <div className="actions">
        <button className="button primary">{actionText(conflict, missing.length, mine.length, fields.length)}</button>
      </div>
    </form>
  );
}

/** The text of the button, by the choices so far. */
function actionText({ kind }: Conflict<Transfer>, missing: number, mine: number, all: number): string {
  if (missing > 0) return "Use what is chosen";
  if (mine === 0) return kind === "draft" ? "Leave the form as it is" : "Keep what is saved";
  if (kind === "draft") return "Put it into the form";
  return mine === all ? "Save mine instead" : "Save both together";
}

function nameOf({ id }: Conflict<Transfer>, field: string): string {
  return `${id}-${field}`;
}

/** Puts the chosen fields of this device over the current values. A draft holds only the chosen fields. */
function mergeInto(conflict: Conflict<Transfer>, mine: readonly (readonly [string, FieldConflict])[]) {
  const over = Object.fromEntries(mine.map(([field, values]) => [field, values.mine]));
  const value: Fields = conflict.kind === "draft" ? over : { ...(conflict.theirs as Fields | null), ...over };
  // The fields belong to the conflict's own step. The compiler cannot follow this through a union of steps.
  return (conflict.merge as (value: Fields) => unknown)(value);
}
