/** The one account of a process that has no accounts file. */
export const ACCOUNT_NAME = 'default'
