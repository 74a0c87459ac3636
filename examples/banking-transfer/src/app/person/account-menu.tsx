import { Menu } from "../elements/menu.tsx";
import { Link } from "../elements/navigation.tsx";
import { useSigningOut } from "./sign-out.tsx";

/** The person's name, with the pages and actions that are about the person. */
export function AccountMenu({ name, signOut }: { readonly name: string; signOut(): Promise<void> }) {
  const signingOut = useSigningOut(signOut);
  return (
    <>
      <Menu label={<span className="person">{name}</span>}>
        <Link to="/sign-ins">Where you are signed in</Link>
        <button type="button" onClick={() => void signingOut.begin()}>
          Sign out
        </button>
      </Menu>
      {signingOut.shown}
    </>
  );
}
