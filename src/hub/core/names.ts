/** Names of nodes and groups, as the wire has them. */
export const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
