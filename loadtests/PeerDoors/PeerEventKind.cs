namespace Btx.LoadTests.PeerDoors;

internal enum PeerEventKind
{
    Ready,
    Token,
    Done,
    Error,
}
