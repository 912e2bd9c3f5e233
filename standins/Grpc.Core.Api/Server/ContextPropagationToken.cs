namespace Grpc.Core;

/// <summary>Carries a server call's context to the client calls that it makes.</summary>
public abstract class ContextPropagationToken
{
    internal ContextPropagationToken() { }
}
