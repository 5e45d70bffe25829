/** Layout of keys and values of the state; raised by one when an older release could no longer read them. */
export const stateSchema = 1
