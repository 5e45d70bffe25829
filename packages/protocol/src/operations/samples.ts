/** Plainly made-up names for the examples of rows. */
export const sample = {
  ada: 'did:icn:z6MkkkF7AN7RivpB4guZhbPPcrETjabCDDqoCdXPwdsLBLax',
  ben: 'did:icn:z6Mkq7DoMD2oBFJVPsxLZJe3JpKoKAnc3FZuDbzxaZvi1TYj',
  chen: 'did:icn:z6MksDVD2nbgZ5p1uPUHQtKs9kmvScvkMZLgzZ1P6iu28XBw',
  elm: 'did:icn:z6MknqgbhRvEFmSZfWFB1SD8nLTT3isT9P2CqufmFceJ8VMm',
  phone: 'did:icn:z6MktrPesf4LrPy7VVYr5VWQVJ5igVnaZS5NwTehvR4zt5TV',
  one: 'bafyreicaabhdf4cwkzs5av3eaagt3fqklqjw364r5ngv3jq3ohk56pervm',
  two: 'bafyreigazwvbgbw7c4yurw233oltinucfsmiqmra6y3f4fkhjwscbptkbq',
  three: 'bafyreidxolrzv3x2aujxmnuw4ekogm5aio6xxutnq5ifaxuevdqubymyma',
  charter: 'bafyreie24swo6s7i5pwxfzo43bqh2fc2bev2w4ozpdsglu4csxpixjjkhe',
  network: 'bafyreichuctti5ukwclvoazdciiztmytdshx3jf6bpzaz37hfjltdiouri',
  grant: 'bafyreieiojbfstu3xtfso53bl3je262sj7h4t4vxwirqcyva7gn5sannvm',
  at: '2026-11-21T12:00:00.000Z',
  later: '2026-12-21T12:00:00.000Z',
} as const
