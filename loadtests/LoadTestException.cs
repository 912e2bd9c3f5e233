namespace Btx.LoadTests;

/// <summary>What a user can mend: one line that names the file or option, the value and the remedy.</summary>
public sealed class LoadTestException(string message, Exception? inner = null) : Exception(message, inner);
