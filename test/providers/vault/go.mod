// The server's modules are fetched when the tests are built, and are no part of connkit.
module connkit/test/vault

go 1.25.3

require github.com/hashicorp/vault v1.21.4

// as in that module's own file
replace github.com/99designs/keyring => github.com/Jeffail/keyring v1.2.3

replace github.com/ma314smith/signedxml v1.1.1 => github.com/moov-io/signedxml v1.1.1

// the module names a newer one than it is made for
replace github.com/hashicorp/vault/sdk => github.com/hashicorp/vault/sdk v0.20.0
