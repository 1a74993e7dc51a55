"""A command over SSH, and a file by SFTP, between two threads."""

import socket
import threading

import paramiko


class Server(paramiko.ServerInterface):
    def check_auth_password(self, username, password):
        return paramiko.AUTH_SUCCESSFUL if password == "right" else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        def answer():
            channel.sendall(command.upper())
            channel.send_exit_status(3)
            channel.close()

        threading.Timer(0.1, answer).start()
        return True


class Files(paramiko.SFTPServerInterface):
    def open(self, path, flags, attributes):
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = open("served.txt", "rb")
        return handle

    def stat(self, path):
        return paramiko.SFTPAttributes.from_stat(__import__("os").stat("served.txt"))


def serve(listener, key):
    while True:
        connection, _ = listener.accept()
        transport = paramiko.Transport(connection)
        transport.add_server_key(key)
        transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
        try:
            transport.start_server(server=Server())
        except (paramiko.SSHException, EOFError):
            pass


def main():
    with open("served.txt", "w") as file:
        file.write("content")
    key = paramiko.ECDSAKey.generate()
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener, key), daemon=True).start()
    client = paramiko.SSHClient()
    client.get_host_keys().add(f"[127.0.0.1]:{listener.getsockname()[1]}", key.get_name(), key)
    options = {
        "port": listener.getsockname()[1],
        "username": "me",
        "allow_agent": False,
        "look_for_keys": False,
    }
    client.connect("127.0.0.1", password="right", **options)
    _, out, _ = client.exec_command("hello")
    assert out.read() == b"HELLO" and out.channel.recv_exit_status() == 3
    assert client.open_sftp().open("served.txt").read() == b"content"
    client.close()
    try:
        client.connect("127.0.0.1", password="wrong", **options)
    except paramiko.AuthenticationException:
        print("as expected")
