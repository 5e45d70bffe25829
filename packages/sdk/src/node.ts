export { fileIdentity, type FileIdentityOptions, keyFilePath, openIdentity } from './node/identity.ts'
export { filePins, fileTokens } from './node/session-files.ts'
export { fileSent } from './node/sent.ts'
