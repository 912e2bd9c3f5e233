namespace Btx.LoadTests;

/// <summary>What a user can mend: one line that names the file or option, the value and the remedy. Whatever reads an option or a file, or
/// asks a server or a peer, throws it.</summary>
public sealed class LoadTestException(string message, Exception? inner = null) : Exception(message, inner);
