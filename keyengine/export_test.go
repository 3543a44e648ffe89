package keyengine

// Grantable is grantable, for the table of operations and kinds of keys.
var Grantable = grantable
