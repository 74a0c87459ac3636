import { useStartedSession } from "@sessions/react";
import { useEffect } from "react";
import { useNavigate } from "./application.ts";
import { transfer } from "./flow.ts";

export function NewTransfer() {
  const session = useStartedSession(transfer);
  const navigate = useNavigate(); // your router's
  useEffect(() => {
    if (session) navigate(`/transfers/${session.id}`, { replace: true });
  }, [session, navigate]);
  return null;
}
