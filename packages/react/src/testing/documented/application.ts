import type { SessionState } from "@sessions/client";
import type { Refusal } from "@sessions/core";
import { vi } from "vitest";

// What the documents' code takes from the application that it stands in.

export const user = { id: `owner-${crypto.randomUUID()}` };
export const element = document.body.appendChild(document.createElement("main"));
export const render = vi.fn<(state: SessionState) => void>();
export const explain = vi.fn<(refusal: Refusal) => void>();

const navigate = vi.fn<(path: string, options: { readonly replace: boolean }) => void>();
export const useNavigate = () => navigate;
