using System.Runtime.InteropServices;

namespace Btx.Server.Terminal;

/// <summary>Ctrl-C ends the answer that is being given and not the program; where there is none, or it comes twice, the program.</summary>
internal sealed class AnswerStop : IDisposable
{
    private readonly PosixSignalRegistration _registration;
    private CancellationTokenSource? _answer;

    public AnswerStop() => _registration = PosixSignalRegistration.Create(PosixSignal.SIGINT, Interrupt);

    /// <summary>An answer begins: what is returned is cancelled by Ctrl-C. Dispose of it when the answer has ended.</summary>
    public CancellationTokenSource Begin(CancellationToken cancellation) =>
        _answer = CancellationTokenSource.CreateLinkedTokenSource(cancellation);

    public void Dispose() => _registration.Dispose();

    private void Interrupt(PosixSignalContext signal)
    {
        try
        {
            if (_answer is { IsCancellationRequested: false } answer)
            {
                signal.Cancel = true;
                answer.Cancel();
                return;
            }
        }
        catch (ObjectDisposedException)
        {
            // The answer has just ended.
        }

        // The system's own way to end the program.
    }
}
