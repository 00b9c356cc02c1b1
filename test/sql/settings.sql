-- A setting that connkit does not have is refused; PostgreSQL 14 cannot do so.
LOAD 'connkit';
SET connkit.allowed_path = '/';
