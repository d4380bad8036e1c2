import type pg from 'pg'

/** The part of pg's connection that speaks COPY; its type definitions leave it out. */
interface CopyConnection {
  query(text: string): void
  sendCopyFromChunk(chunk: Buffer): void
  endCopyFrom(): void
}

/** Sends prepared bytes with `COPY … FROM STDIN`: one statement, one transaction, one round trip more than a query. */
export async function copyIn(client: pg.ClientBase, statement: string, bytes: Buffer): Promise<void> {
  await run(client, statement, {
    handleCopyInResponse(connection) {
      connection.sendCopyFromChunk(bytes)
      connection.endCopyFrom()
    },
    handleCopyData() {},
  })
}

/** What `COPY … TO STDOUT` answers. */
export async function copyOut(client: pg.ClientBase, statement: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  await run(client, statement, {
    handleCopyInResponse() {},
    // The driver's chunks lie in a buffer that it uses again.
    handleCopyData: ({ chunk }) => chunks.push(Buffer.from(chunk)),
  })
  return Buffer.concat(chunks)
}

interface CopyHandlers {
  handleCopyInResponse(connection: CopyConnection): void
  handleCopyData(message: { chunk: Buffer }): void
}

function run(client: pg.ClientBase, statement: string, handlers: CopyHandlers): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query({
      submit: (connection: pg.Connection) => connection.query(statement),
      ...handlers,
      handleCommandComplete() {},
      handleReadyForQuery: () => resolve(),
      handleError: reject,
    })
  })
}
