import type { Conflict, FieldConflict } from "@sessions/client";
import { useState } from "react";
import type { Transfer } from "../flow.ts";
import { labelOf, textOf } from "./facts.tsx";
import { navigate } from "./route.tsx";
import type { Fields } from "./wording.ts";

type Side = "mine" | "theirs";

/** Two values of each field in which two devices differ, and the person's choice, field by field. */
export function ConflictChoice(props: {
  readonly transfer: string;
  readonly conflict: Conflict<Transfer>;
  readonly from: string | undefined;
}) {
  const { transfer, conflict, from } = props;
  // Each step has its own fields, and all are shown alike.
  const fields = Object.entries(conflict.fields as Readonly<Record<string, FieldConflict>>);
  const [chosen, setChosen] = useState<Readonly<Record<string, Side>>>({});
  const sideOf = (field: string, values: FieldConflict) => chosen[field] ?? suggested(values);
  const titles = { theirs: from ?? "As it stands", mine: "Here, not saved" };

  function decide() {
    const mine = fields.filter(([field, values]) => sideOf(field, values) === "mine");
    if (mine.length === 0) void conflict.takeTheirs();
    else if (mine.length === fields.length) void conflict.keepMine();
    else mergeInto(conflict, mine);
    // A draft is in its form again, where the person goes on with it.
    if (conflict.kind === "draft" && mine.length > 0) navigate(`/transfers/${transfer}/${conflict.step}`);
  }

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        decide();
      }}
    >
      {fields.map(([field, values]) => (
        <fieldset key={field} className="versions">
          <legend>{labelOf(field)}</legend>
          {(["theirs", "mine"] as const).map((side) => (
            <label key={side}>
              <input
                type="radio"
                name={`${conflict.id}-${field}`}
                checked={sideOf(field, values) === side}
                onChange={() => setChosen({ ...chosen, [field]: side })}
              />
              <span>
                <small>{titles[side]}</small>
                <b>{textOf(field, values[side]) || "Nothing"}</b>
              </span>
            </label>
          ))}
        </fieldset>
      ))}
      <div className="actions">
        <button className="button primary">Use what is chosen</button>
      </div>
    </form>
  );
}

/** Where only this device changed a field, its value; else the one that stands. */
function suggested({ base, theirs }: FieldConflict): Side {
  return base === theirs && base !== undefined ? "mine" : "theirs";
}

/** What stands with some fields of this device's over it; of a draft only those, for the person to submit. */
function mergeInto(conflict: Conflict<Transfer>, mine: readonly (readonly [string, FieldConflict])[]) {
  const over = Object.fromEntries(mine.map(([field, values]) => [field, values.mine]));
  const value: Fields = conflict.kind === "draft" ? over : { ...(conflict.theirs as Fields | null), ...over };
  // The fields are those of the conflict's own step, which the compiler cannot follow through a union of steps.
  return (conflict.merge as (value: Fields) => unknown)(value);
}
