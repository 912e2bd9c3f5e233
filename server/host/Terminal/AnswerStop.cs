using System.Runtime.InteropServices;

namespace Btx.Server.Terminal;

/// <summary>Ctrl-C ends the answer that is being given and not the program; where there is none, or it comes twice, the program.</summary>
internal sealed class AnswerStop : IDisposable
{
    private readonly PosixSignalRegistration _registration;
    private volatile CancellationTokenSource? _answer;

    /// <summary>Where no answer is ended, the system ends the program in its own way.</summary>
    public AnswerStop() => _registration = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => signal.Cancel = EndAnswer());

    /// <summary>An answer begins: what is returned is cancelled by Ctrl-C. Dispose of it when the answer has ended.</summary>
    public CancellationTokenSource Begin(CancellationToken cancellation) =>
        _answer = CancellationTokenSource.CreateLinkedTokenSource(cancellation);

    public void Dispose() => _registration.Dispose();

    /// <returns>Whether an answer was being given and had not been ended already.</returns>
    internal bool EndAnswer()
    {
        try
        {
            if (_answer is not { IsCancellationRequested: false } answer) return false;
            _ = answer.Token; // throws where the answer has ended
            _ = answer.CancelAsync(); // what goes on then, reading the next line above all, is not for the thread of the signal
            return true;
        }
        catch (ObjectDisposedException)
        {
            return false; // The answer has ended.
        }
    }
}
