/** Text from outside must not move the cursor, colour the screen, end a line or turn it around. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
