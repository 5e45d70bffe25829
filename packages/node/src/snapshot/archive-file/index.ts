export {
  ArchiveFault,
  type ArchiveFiles,
  type ArchiveHandle,
  type ArchiveKeys,
  type ArchiveRecipients,
  archiveRecipientsMax,
  clearArchiveParts,
  digestFileOf,
  isArchivePart,
} from '../../sealed-file/index.ts'
export { type Packed, pack, packOperations, unpack, unpackChunk, unpackOperations, unpackTraces } from './pack.ts'
export { type ArchiveReader, type ArchiveReading, type ArchiveSummary, type ArchiveSupport, openArchive, readHeader, verifyArchive } from './read.ts'
export {
  type ArchiveChunk,
  type ArchivedOperation,
  type ArchiveHeader,
  type ArchiveManifest,
  type ArchiveRecord,
  type ArchiveSubject,
  archiveChunkBytes,
  archiveFileName,
  type OperationPage,
  operationPageBytesMax,
  signManifest,
} from './records.ts'
export { type ArchiveRecords, type ArchiveWriting, writeArchive } from './write.ts'
