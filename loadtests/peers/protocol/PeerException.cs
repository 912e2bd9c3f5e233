namespace Btx.Peers;

/// <summary>What a user can mend: one line that names the option or file, the value and the remedy.</summary>
internal sealed class PeerException(string message) : Exception(message);
