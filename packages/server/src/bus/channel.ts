/** An open connection to a channel. What is sent to it, every connection to the channel receives, this one included. */
export interface Channel {
  /** Resolves when the other end has taken the payloads. */
  send(payloads: readonly string[]): Promise<unknown>;
  /** Closes the connection. It may be lost already. */
  close(): Promise<unknown>;
}

export interface ChannelEvents {
  onPayload(payload: string): void;
  /** Called when nothing can arrive any more. It may be called more than once. */
  onLost(): void;
}

/** Opens a connection that is subscribed. If that fails, it leaves nothing open. */
export type OpenChannel = (events: ChannelEvents) => Promise<Channel>;
