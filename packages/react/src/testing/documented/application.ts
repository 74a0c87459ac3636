import type { SessionState } from "@sessions/client";
import type { Refusal } from "@sessions/core";
import { vi } from "vitest";

// The parts of an application that the documents' code uses.

export const user = { id: `owner-${crypto.randomUUID()}` };
export const element = document.body.appendChild(document.createElement("main"));
export const render = vi.fn<(state: SessionState) => void>();
export const explain = vi.fn<(refusal: Refusal) => void>();

const navigate = vi.fn<(path: string, options: { readonly replace: boolean }) => void>();
export const useNavigate = () => navigate;
