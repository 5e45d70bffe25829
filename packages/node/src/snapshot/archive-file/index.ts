export { ArchiveFault, type ArchiveFiles, type ArchiveHandle, archiveFileName, clearArchiveParts, digestFileOf, isArchivePart } from './files.ts'
export type { ArchiveKeys, ArchiveRecipients } from './lock.ts'
export { type Packed, pack, packOperations, unpack, unpackChunk, unpackOperations } from './pack.ts'
export { type ArchiveReader, type ArchiveReading, type ArchiveSummary, type ArchiveSupport, openArchive, readHeader, verifyArchive } from './read.ts'
export {
  type ArchiveChunk,
  type ArchivedOperation,
  type ArchiveHeader,
  type ArchiveManifest,
  type ArchiveRecord,
  type ArchiveSubject,
  archiveChunkBytes,
  archiveRecipientsMax,
  type OperationPage,
  operationPageBytesMax,
  signManifest,
} from './records.ts'
export { type ArchiveRecords, type ArchiveWriting, writeArchive } from './write.ts'
